// Speaks to RESEND_BASE_URL with the npm package MODULE as an application would; prints one JSON
// line a step: {"step", "data", "error"}.
const { Resend } = require(process.argv[2]);

const resend = new Resend('re_test_key');
const say = (step, { data, error }) => console.log(JSON.stringify({ step, data, error }));
const bytes = Buffer.from([...Array(256).keys()]);
const email = {
  from: 'Ann Sender <ann@client.example>',
  to: ['bob@sink.example'],
  cc: 'carl@sink.example',
  bcc: ['secret@sink.example'],
  replyTo: 'reply@client.example',
  subject: 'Grüße ✓',
  html: '<p>päckchen <img src="cid:logo"></p>',
  text: 'päckchen\n.\n..x',
  headers: { 'X-Entity-Ref-ID': '123' },
  tags: [{ name: 'category', value: 'test' }],
  attachments: [
    { filename: 'Übersicht.bin', content: bytes },
    { filename: 'logo.png', content: bytes.toString('base64'), contentType: 'image/png', contentId: 'logo' },
  ],
};

async function main() {
  const sent = await resend.emails.send(email);
  say('send', sent);
  say('get', await resend.emails.get(sent.data.id));
  const keyed = { ...email, subject: 'keyed', attachments: [] };
  say('keyed', await resend.emails.send(keyed, { idempotencyKey: 'key/1' }));
  say('keyed again', await resend.emails.send(keyed, { idempotencyKey: 'key/1' }));
  say('keyed other', await resend.emails.send({ ...keyed, subject: 'other' }, { idempotencyKey: 'key/1' }));
  say('batch', await resend.batch.send([1, 2, 3].map((n) => ({
    from: 'ann@client.example', to: `b${n}@sink.example`, subject: `batch ${n}`, text: `${n}`,
  }))));
  say('missing', await resend.emails.send({ from: 'ann@client.example', subject: 'x', text: 'x' }));
  say('invalid', await resend.emails.send({ from: 'nobody', to: 'bob@sink.example', subject: 'x', text: 'x' }));
  say('absent', await resend.emails.get('01a213c0-bd7a-80ae-9681-0000930841b6'));
  const scheduled = await resend.emails.send({
    from: 'ann@client.example', to: 'later@sink.example', subject: 'later', text: 'x', scheduledAt: 'in 1 hour',
  });
  say('scheduled', scheduled);
  if (process.argv[3] === 'schedule') {
    say('update', await resend.emails.update({
      id: scheduled.data.id, scheduledAt: new Date(Date.now() + 7200e3).toISOString(),
    }));
    say('moved', await resend.emails.get(scheduled.data.id));
    say('cancel', await resend.emails.cancel(scheduled.data.id));
    say('canceled', await resend.emails.get(scheduled.data.id));
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
