// Reads JSON lines {"method", "path" (of the description), "status", "type", "body"}: answers of the
// server. Says for each whether the description, the file named on the command line, allows it:
// {"ok"} or {"ok": false, "why"}.
const fs = require('fs');
const readline = require('readline');
const Ajv = require('ajv/dist/2020');
const addFormats = require('ajv-formats');

const document = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, 'api');
const escape = (part) => part.replace(/~/g, '~0').replace(/\//g, '~1');

function judge({ method, path, status, type, body }) {
  const operation = (document.paths[path] || {})[method.toLowerCase()];
  if (!operation) return 'no such operation';
  let response = operation.responses[status];
  if (!response) return `status ${status} is not described`;
  let place = ['paths', path, method.toLowerCase(), 'responses', String(status)];
  if (response.$ref) {
    place = response.$ref.split('/').slice(1);
    response = place.reduce((value, part) => value[part], document);
  }
  const media = type.split(';')[0];
  if (!response.content || !response.content[media]) return `type ${media} is not described`;
  if (media !== 'application/json') return null;
  const pointer = [...place, 'content', media, 'schema'].map(escape).map(encodeURIComponent).join('/');
  const valid = ajv.compile({ $ref: `api#/${pointer}` });
  return valid(body) ? null : ajv.errorsText(valid.errors);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const why = judge(JSON.parse(line));
  console.log(JSON.stringify(why ? { ok: false, why } : { ok: true }));
});
