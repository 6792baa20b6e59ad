// Reads JSON lines {"method", "path" (of the description), "status", "fields", "body"}: answers of the
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
// Of HTTP itself, and what the description says once for all answers.
const FRAMING = ['content-type', 'content-length', 'transfer-encoding', 'connection'];
const USUAL = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
const escape = (part) => part.replace(/~/g, '~0').replace(/\//g, '~1');

const compiled = (place) => ajv.compile({ $ref: `api#/${place.map(escape).map(encodeURIComponent).join('/')}` });

// An object of the description and where it stands, behind its reference if it is one.
function follow(object, place) {
  if (!object.$ref) return [object, place];
  place = object.$ref.split('/').slice(1);
  return [place.reduce((value, part) => value[part], document), place];
}

function judgeFields(fields, response, place) {
  const described = response.headers || {};
  for (const name of Object.keys(fields)) {
    if (name in described || FRAMING.includes(name)) continue;
    if (fields[name] !== USUAL[name]) return `header ${name}: ${fields[name]} is not described`;
  }
  for (const name of Object.keys(described)) {
    const [header, at] = follow(described[name], [...place, 'headers', name]);
    if (!(name in fields)) {
      if (header.required) return `header ${name} is missing`;
      continue;
    }
    const value = header.schema.type === 'integer' ? Number(fields[name]) : fields[name];
    const valid = compiled([...at, 'schema']);
    if (!valid(value)) return `header ${name}: ${ajv.errorsText(valid.errors)}`;
  }
  return null;
}

function judge({ method, path, status, fields, body }) {
  const operation = (document.paths[path] || {})[method.toLowerCase()];
  if (!operation) return 'no such operation';
  if (!operation.responses[status]) return `status ${status} is not described`;
  const [response, place] = follow(operation.responses[status],
    ['paths', path, method.toLowerCase(), 'responses', String(status)]);
  const wrong = judgeFields(fields, response, place);
  if (wrong) return wrong;
  const media = (fields['content-type'] || '').split(';')[0];
  if (!response.content || !response.content[media]) return `type ${media} is not described`;
  if (media !== 'application/json') return null;
  const valid = compiled([...place, 'content', media, 'schema']);
  return valid(body) ? null : ajv.errorsText(valid.errors);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const why = judge(JSON.parse(line));
  console.log(JSON.stringify(why ? { ok: false, why } : { ok: true }));
});
