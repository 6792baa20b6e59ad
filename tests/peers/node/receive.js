// npm's smtp-server as next hop. Prints {"port"}, then for each message {"from","to","content"} (base64).
// Recipients that begin with "bad" are refused.
const { SMTPServer } = require('smtp-server');

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['AUTH', 'STARTTLS'],
  disableReverseLookup: true,
  onRcptTo(address, session, done) {
    if (!address.address.startsWith('bad')) return done();
    const error = new Error('no such user');
    error.responseCode = 550;
    return done(error);
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      console.log(JSON.stringify({
        from: session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map((recipient) => recipient.address),
        content: Buffer.concat(chunks).toString('base64'),
      }));
      done();
    });
  },
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.server.address().port })));
process.on('SIGTERM', () => process.exit(0));
