// Speaks to HOST with the npm package postmark as an application would; prints one JSON line a step:
// {"step","answer"} or {"step","error":{name,code,statusCode,message}}.
const { ServerClient } = require('postmark');

const options = { useHttps: false, requestHost: process.env.HOST };
const client = new ServerClient(process.env.TOKEN || 'any', options);
const message = {
  From: 'Ann Sender <ann@client.example>',
  To: 'Bob <bob@sink.example>, carl@sink.example',
  Bcc: 'secret@sink.example',
  ReplyTo: 'reply@client.example',
  Subject: 'Grüße ✓',
  Tag: 'Welcome mail',
  TextBody: 'päckchen\n.\n..x',
  HtmlBody: '<p>päckchen <img src="cid:logo"></p>',
  Headers: [{ Name: 'X-Entity-Ref-ID', Value: '123' }],
  Metadata: { order: '7' },
  MessageStream: 'outbound',
  Attachments: [
    { Name: 'all.bin', Content: Buffer.from([...Array(256).keys()]).toString('base64'), ContentType: 'application/x-all' },
    { Name: 'logo.png', Content: 'aGk=', ContentType: 'image/png', ContentID: 'cid:logo' },
  ],
};
const plain = { From: 'ann@client.example', To: 'bob@sink.example', Subject: 'plain', TextBody: 'hello' };

async function step(name, call) {
  try {
    console.log(JSON.stringify({ step: name, answer: await call() }));
  } catch (error) {
    console.log(JSON.stringify({
      step: name,
      error: { name: error.name, code: error.code, statusCode: error.statusCode, message: error.message },
    }));
  }
}

async function main() {
  await step('send', () => client.sendEmail(message));
  await step('batch', () => client.sendEmailBatch([
    { ...plain, To: 'b1@sink.example' }, { ...plain, To: 'nobody' },
    { ...plain, To: 'b2@sink.example', MessageStream: 'broadcast' },
    { ...plain, TemplateId: 1 }]));
  await step('template', () => client.sendEmail({ ...plain, TemplateAlias: 'x' }));
  await step('address', () => client.sendEmail({ ...plain, To: 'nobody' }));
  await step('header', () => client.sendEmail({ ...plain, Headers: [{ Name: 'X-A', Value: 'a\nb' }] }));
  await step('nothing', () => client.sendEmail({ From: plain.From, To: plain.To, Subject: 'x' }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
