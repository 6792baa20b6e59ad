// mailauth on ARC chains. `arc.js RECORDS.json FILE…` prints FILE 0 none|pass|fail;
// `arc.js --seal KEY SELECTOR DOMAIN RECORDS.json FILE` prints the message with one more set.
const fs = require('fs');
const { authenticate } = require('mailauth');

const sealing = process.argv[2] === '--seal';
const [recordsPath, ...paths] = process.argv.slice(sealing ? 6 : 2);
const records = JSON.parse(fs.readFileSync(recordsPath, 'utf8'));

async function resolver(name, type) {
  if (type === 'TXT' && records[name]) return [[records[name]]];
  const error = new Error(`no ${type} record of ${name}`);
  error.code = 'ENOTFOUND';
  throw error;
}

(async () => {
  const options = {
    ip: '127.0.0.1', helo: 'x.example', sender: 'x@x.example', mta: 'list.example', trustReceived: false,
    disableBimi: true, resolver,
  };
  if (sealing) {
    const [key, selector, signingDomain] = process.argv.slice(3, 6);
    options.seal = { signingDomain, selector, privateKey: fs.readFileSync(key, 'utf8') };
  }
  for (const path of paths) {
    const message = fs.readFileSync(path);
    const { arc, headers } = await authenticate(message, options);
    if (sealing) {
      process.stdout.write(Buffer.concat([Buffer.from(headers), message]));
    } else {
      console.log(path, 0, arc.status.result, arc.status.comment || '');
    }
  }
})().catch(error => {
  console.error(error);
  process.exit(1);
});
