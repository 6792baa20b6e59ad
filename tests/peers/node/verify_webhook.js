// Reads JSON lines {"secret","headers","body"} and says for each, with the npm package
// standardwebhooks, whether the signature holds: {"ok"} and, if so, the event's {"type"}.
const readline = require('readline');
const { Webhook } = require('standardwebhooks');

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { secret, headers, body } = JSON.parse(line);
  try {
    const event = new Webhook(secret).verify(body, headers);
    console.log(JSON.stringify({ ok: true, type: event.type }));
  } catch (error) {
    console.log(JSON.stringify({ ok: false, message: error.message }));
  }
});
