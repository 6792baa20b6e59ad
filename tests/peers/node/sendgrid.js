// Speaks to BASE_URL with the npm package @sendgrid/mail as an application would; prints one JSON line a
// step: {"step","status","id","body","errors"}.
const mail = require('@sendgrid/mail');

mail.setApiKey('SG.any');
mail.client.setDefaultRequest('baseUrl', process.env.BASE_URL);

const message = {
  from: { email: 'ann@client.example', name: 'Ann Sender' },
  to: 'Bob <bob@sink.example>',
  cc: 'carl@sink.example',
  bcc: 'secret@sink.example',
  replyTo: 'reply@client.example',
  subject: 'Grüße ✓',
  text: 'päckchen\n.\n..x',
  html: '<p>päckchen <img src="cid:logo"></p>',
  headers: { 'X-Entity-Ref-ID': '123' },
  categories: ['Order done'],
  customArgs: { order: '7' },
  attachments: [
    { filename: 'all.bin', content: Buffer.from([...Array(256).keys()]).toString('base64'), type: 'application/x-all' },
    { filename: 'logo.png', content: 'aGk=', type: 'image/png', disposition: 'inline', contentId: 'logo' },
  ],
};
const plain = { from: 'ann@client.example', to: 'bob@sink.example', subject: 'plain', text: 'hello' };

async function step(name, data, multiple) {
  try {
    const [response, body] = await mail.send(data, multiple);
    console.log(JSON.stringify({
      step: name, status: response.statusCode, id: response.headers['x-message-id'], body,
    }));
  } catch (error) {
    if (!error.response) throw error;
    console.log(JSON.stringify({
      step: name, status: error.code, errors: error.response.body.errors, said: error.toString(),
    }));
  }
}

async function main() {
  await step('send', message);
  await step('multiple', { ...plain, to: ['r1@sink.example', 'r2@sink.example'] }, true);
  await step('personal', {
    from: 'ann@client.example', subject: 'Hello {{name}}', text: 'Dear {{name}}, {{other}}',
    personalizations: [
      { to: 'p1@sink.example', substitutions: { name: 'One' }, customArgs: { n: '1' } },
      { to: 'p2@sink.example', subject: 'Own', substitutions: { name: 'Two' }, headers: { 'X-Own': '2' } },
    ],
  });
  await step('later', { ...plain, sendAt: Math.floor(Date.now() / 1000) + 3600 });
  await step('sandbox', { ...plain, mailSettings: { sandboxMode: { enable: true } } });
  await step('template', { ...plain, templateId: 'd-1' });
  await step('address', { ...plain, to: 'nobody' });
  await step('header', { ...plain, headers: { 'X-A': 'a\r\nBcc: eve@sink.example' } });
  await step('group', { ...plain, asm: { groupId: 1 } });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
