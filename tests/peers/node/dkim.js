// mailauth on messages: `dkim.js RECORDS.json FILE…` prints one line a signature: FILE index result.
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

(async () => {
  for (const path of paths) {
    const { results } = await dkimVerify(fs.readFileSync(path), { resolver });
    results.forEach((result, index) => {
      console.log(path, index, result.status.result, result.status.comment || '');
    });
  }
})().catch(error => {
  console.error(error);
  process.exit(1);
});
