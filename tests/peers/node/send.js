// Sends COUNT messages to 127.0.0.1:PORT through nodemailer's pool; prints one answer a line, as JSON.
const nodemailer = require('nodemailer');

const [port, count] = process.argv.slice(2).map(Number);
const transport = nodemailer.createTransport({
  host: '127.0.0.1', port, pool: true, maxConnections: 4, ignoreTLS: true, name: 'client.example',
});
const attachment = Buffer.concat(Array(64).fill(Buffer.from([...Array(256).keys()])));

async function main() {
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => transport.sendMail({
    from: 'a@client.example',
    to: `r${n}@sink.example`,
    subject: `message ${n} ✓`,
    text: 'päckchen\n.\n..x',
    attachments: [{ filename: 'all.bin', content: attachment }],
  })));
  for (const answer of answers) console.log(JSON.stringify({ response: answer.response }));
  transport.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
