// Speaks to ENDPOINT with the npm package @aws-sdk/client-sesv2 as an application would, signing with
// KEY_ID and SECRET; prints one JSON line a step: {"step","answer"} or {"step","error"}.
const { SESv2Client, SendEmailCommand, SendBulkEmailCommand } = require('@aws-sdk/client-sesv2');

const client = (accessKeyId, secretAccessKey) => new SESv2Client({
  endpoint: process.env.ENDPOINT, region: 'eu-west-1', maxAttempts: 1, credentials: { accessKeyId, secretAccessKey },
});
const ses = client(process.env.KEY_ID, process.env.SECRET);

const message = {
  FromEmailAddress: 'Ann Sender <ann@client.example>',
  Destination: {
    ToAddresses: ['Bob <bob@sink.example>'], CcAddresses: ['carl@sink.example'], BccAddresses: ['secret@sink.example'],
  },
  ReplyToAddresses: ['reply@client.example'],
  EmailTags: [{ Name: 'order', Value: '7' }],
  Content: {
    Simple: {
      Subject: { Data: 'Grüße ✓', Charset: 'UTF-8' },
      Body: {
        Text: { Data: 'päckchen\n.\n..x' }, Html: { Data: '<p>päckchen <img src="cid:logo"></p>', Charset: 'UTF-8' },
      },
      Headers: [{ Name: 'X-Entity-Ref-ID', Value: '123' }],
      Attachments: [
        { FileName: 'all.bin', RawContent: Buffer.from([...Array(256).keys()]), ContentType: 'application/x-all' },
        {
          FileName: 'logo.png', RawContent: Buffer.from('hi'), ContentType: 'image/png', ContentDisposition: 'INLINE',
          ContentId: 'logo', ContentTransferEncoding: 'BASE64',
        },
      ],
    },
  },
};
const simple = (Data) => ({ Simple: { Subject: { Data: 'plain' }, Body: { Text: { Data } } } });
const plain = {
  FromEmailAddress: 'ann@client.example', Destination: { ToAddresses: ['bob@sink.example'] }, Content: simple('hello'),
};
const raw = (from) => Buffer.from(
  `From: Ann <${from}>\r\nTo: r1@sink.example\r\nBcc: r2@sink.example\r\nSubject: raw\r\n\r\nas it is\r\n`);
const bulk = {
  FromEmailAddress: 'ann@client.example',
  DefaultContent: {
    Template: {
      TemplateContent: { Subject: 'Hello {{name}}', Text: 'Dear {{name}}, {{greeting}}' },
      TemplateData: JSON.stringify({ greeting: 'hi' }),
    },
  },
  BulkEmailEntries: [
    {
      Destination: { ToAddresses: ['b1@sink.example'] },
      ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: '{"name":"One"}' } },
      ReplacementHeaders: [{ Name: 'X-Own', Value: '1' }],
    },
    { Destination: { ToAddresses: ['b2@sink.example'] } },
  ],
};

async function step(name, command, from = ses) {
  try {
    const { $metadata, ...answer } = await from.send(command);
    console.log(JSON.stringify({ step: name, answer, status: $metadata.httpStatusCode, request: $metadata.requestId }));
  } catch (error) {
    if (!error.$metadata) throw error;
    console.log(JSON.stringify({
      step: name, error: error.name, status: error.$metadata.httpStatusCode, said: error.message,
      request: error.$metadata.requestId,
    }));
  }
}

async function main() {
  await step('send', new SendEmailCommand(message));
  await step('raw', new SendEmailCommand({ Content: { Raw: { Data: raw('ann@client.example') } } }));
  await step('template', new SendEmailCommand({
    ...plain, Destination: { ToAddresses: ['t1@sink.example'] },
    Content: { Template: { TemplateContent: { Subject: 'T {{a}}', Html: '<p>{{a}}</p>' }, TemplateData: '{"a":"<b>"}' } },
  }));
  await step('bulk', new SendBulkEmailCommand(bulk));
  await step('kept', new SendEmailCommand({ ...plain, Content: { Template: { TemplateName: 'x', TemplateData: '{}' } } }));
  await step('list', new SendEmailCommand({ ...plain, ListManagementOptions: { ContactListName: 'x' } }));
  await step('address', new SendEmailCommand({ ...plain, Destination: { ToAddresses: ['nobody'] } }));
  await step('set', new SendEmailCommand({ ...plain, ConfigurationSetName: 'none' }));
  await step('sender', new SendEmailCommand({ ...plain, FromEmailAddress: 'a@other.example' }));
  await step('raw-sender', new SendEmailCommand({
    ...plain, Content: { Raw: { Data: raw('a@other.example') } },
  }));
  await step('large', new SendEmailCommand({ ...plain, Content: simple('x'.repeat(150000)) }));
  await step('secret', new SendEmailCommand(plain), client(process.env.KEY_ID, 'another-secret-access-key'));
  await step('unknown', new SendEmailCommand(plain), client('BARIDNOBODY', process.env.SECRET));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
