// For mime_judges_test.py: messages in (4 bytes of length, big-endian, then bytes), a line of JSON each
// out: what npm's mailparser reads.
const { createHash } = require('crypto');
const { createRequire } = require('module');
const { simpleParser } = createRequire(process.argv[2] + '/')('mailparser');

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const addresses = (field) => (field ? [field].flat() : []).flatMap((f) => f.value).map((a) => a.address);

async function main() {
  const pieces = [];
  for await (const piece of process.stdin) pieces.push(piece);
  const input = Buffer.concat(pieces);
  for (let at = 0; at < input.length;) {
    const size = input.readUInt32BE(at);
    const mail = await simpleParser(input.subarray(at + 4, at + 4 + size), {
      skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true });
    at += 4 + size;
    console.log(JSON.stringify({
      subject: mail.subject || '', from: addresses(mail.from), to: addresses(mail.to), cc: addresses(mail.cc),
      text: mail.text === undefined ? null : mail.text, html: mail.html === false ? null : mail.html,
      files: mail.attachments.map((a) => [a.filename || '', a.cid || '', a.contentType, digest(a.content)]) }));
  }
}
main();
