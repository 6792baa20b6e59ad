// Writes a message that nodemailer's composer made.
const MailComposer = require('nodemailer/lib/mail-composer');

new MailComposer({
  from: 'Ann Grüße <ann@client.example>',
  to: 'bob@sink.example',
  subject: 'Grüße ✓ from a composer whose subject is long enough to be folded over two lines at least',
  text: 'päckchen\n.\n..x',
  html: '<p>päckchen <img src="cid:logo"></p>',
  attachments: [
    { filename: 'Übersicht.bin', content: Buffer.from([...Array(256).keys()]) },
    { filename: 'logo.png', content: Buffer.from('hi'), cid: 'logo' },
  ],
}).compile().build((error, message) => {
  if (error) throw error;
  process.stdout.write(message);
});
