// mailauth on messages: `dkim.js RECORDS.json FILE…` prints one line a signature: FILE index result.
// It looks for signatures only where an empty line ends the header, which a message without a body
// need not have; what is signed is the same with one.
const fs = require('fs');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

const [recordsPath, ...paths] = process.argv.slice(2);
const records = JSON.parse(fs.readFileSync(recordsPath, 'utf8'));

async function resolver(name, type) {
  if (type === 'TXT' && records[name]) return [[records[name]]];
  const error = new Error(`no ${type} record of ${name}`);
  error.code = 'ENOTFOUND';
  throw error;
}

function read(path) {
  const message = fs.readFileSync(path);
  return message.includes('\r\n\r\n') ? message : Buffer.concat([message, Buffer.from('\r\n')]);
}

(async () => {
  for (const path of paths) {
    const { results } = await dkimVerify(read(path), { resolver });
    results.forEach((result, index) => {
      console.log(path, index, result.status.result, result.status.comment || '');
    });
  }
})().catch(error => {
  console.error(error);
  process.exit(1);
});
