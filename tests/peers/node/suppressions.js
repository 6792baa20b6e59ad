// The suppression list as the npm package resend speaks to it at RESEND_BASE_URL; prints one JSON
// line a step: {"step", "data", "error"}.
const { Resend } = require('resend');

const list = new Resend('re_one').suppressions;
const say = (step, { data, error }) => console.log(JSON.stringify({ step, data, error }));

async function main() {
  const added = await list.add({ email: ' Steve@Example.com ' });
  say('add', added);
  say('add again', await list.add({ email: 'steve@example.com' }));
  say('batch add', await list.batch.add({ emails: ['b@example.com', 'c@example.com'] }));
  say('get', await list.get('steve@example.com'));
  say('get by id', await list.get(added.data.id));
  say('list', await list.list());
  say('remove', await list.remove('steve@example.com'));
  say('batch remove', await list.batch.remove({ emails: ['b@example.com', 'c@example.com', 'd@example.com'] }));
  say('gone', await list.get(added.data.id));
  say('bad', await list.add({ email: 'nobody' }));
  say('missing', await list.add({}));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
