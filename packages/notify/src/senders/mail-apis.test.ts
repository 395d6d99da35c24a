import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation, type TestInstallation } from '@holdfast/wire/testing';
import { jwtVerify } from 'jose';
import { z } from 'zod';
import { destinationSchema } from '../configuration.ts';
import { sampleEvents } from '../testing/sample-events.ts';
import { failureOf, patience, senderContext } from '../testing/sender-fixture.ts';
import { type ServiceAnswer, type ServiceRequest, startService } from '../testing/service-fixture.ts';
import type { Sender } from './sender.ts';
import { senderFor } from './senders.ts';

/** Servers of our own in the place of Google's and Microsoft's: they take what the published descriptions say, and nothing else. */

const folder = temporaryFolder({ after });
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const files = Object.fromEntries(
  Object.entries({
    secret: 'a-client-secret\n',
    refresh: 'a-refresh-token',
    key: JSON.stringify({
      ...{ type: 'service_account', client_email: 'robot@project.iam.gserviceaccount.com', private_key_id: 'k1' },
      private_key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    }),
  }).map(([name, content]) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return [name, path];
  }),
) as Record<'secret' | 'refresh' | 'key', string>;
const clock = new ManualClock(new Date('2026-01-10T06:31:00Z'));
let installation: TestInstallation;
before(async () => {
  installation = await createTestInstallation();
});

/** `Message` of Gmail's discovery document, revision 20261005; of it a request to send has `raw` (format `byte`: base64url). */
const gmailMessage = z.strictObject({
  raw: z.base64url(),
  id: z.string().optional(),
  threadId: z.string().optional(),
  labelIds: z.array(z.string()).optional(),
});

/** `microsoft.graph.user.sendMail` of Graph's OpenAPI description v1.0, as far as a message like ours can have fields. */
const recipient = z.strictObject({
  emailAddress: z.strictObject({ address: z.email(), name: z.string().nullable().optional() }),
});
const graphSendMail = z.strictObject({
  message: z.strictObject({
    subject: z.string().max(255).nullable(),
    body: z.strictObject({ contentType: z.enum(['text', 'html']), content: z.string().nullable() }),
    toRecipients: z.array(recipient).min(1),
    importance: z.enum(['low', 'normal', 'high']).optional(),
  }),
  saveToSentItems: z.boolean().nullable().optional(),
});

const form = (body: string): Record<string, string> => Object.fromEntries(new URLSearchParams(body));
const hosts = {
  google: ['oauth2.googleapis.com', 'gmail.googleapis.com'],
  microsoft: ['login.microsoftonline.com', 'graph.microsoft.com'],
};

/** A sender whose service is played by `answer`; what was asked is in `seen`. */
async function playing(
  t: TestContext,
  settings: Record<string, unknown>,
  answer: (request: ServiceRequest) => ServiceAnswer | Promise<ServiceAnswer>,
): Promise<{ readonly sender: Sender; readonly seen: ServiceRequest[] }> {
  const seen: ServiceRequest[] = [];
  const port = await startService(t, {
    ...{ installation, hosts: settings['kind'] === 'gmail' ? hosts.google : hosts.microsoft },
    answer: (request) => {
      seen.push(request);
      return answer(request);
    },
  });
  const context = senderContext(t, { clock, overrides: { 'posix-agent-to-mail-api': port } });
  const addresses = { from: 'holdfast@example.com', to: ['admin@example.com'] };
  const destination = destinationSchema.parse({ ...addresses, ...settings });
  // Its services have certificates of a public CA; these have ours.
  const wire = {
    ...context.wire,
    dialOutside: (...[channel, host, o]: Parameters<typeof context.wire.dialOutside>) =>
      context.wire.dialOutside(channel, host, { ...o, tls: { caPem: installation.caPem } }),
  };
  return { sender: senderFor(destination, { ...context, wire }), seen };
}

const outgoing = () => ({ id: randomUUID(), event: sampleEvents['run-ended'], recipient: 'admin@example.com' });
const serviceAccount = { kind: 'gmail', signIn: { kind: 'service-account', keyFile: files.key } };
const graph = { kind: 'graph', tenant: 'example.com', clientId: 'app-1', clientSecretFile: files.secret };

test('Gmail by a service account: a signed assertion for a token, which sends until it ends', async (t) => {
  const messages: string[] = [];
  const { sender, seen } = await playing(t, serviceAccount, async (request) => {
    if (request.host.startsWith('oauth2.googleapis.com')) {
      assert.equal(request.path, '/token');
      const { grant_type: grant, assertion = '', ...rest } = form(request.body);
      assert.deepEqual([grant, rest], ['urn:ietf:params:oauth:grant-type:jwt-bearer', {}]);
      const { payload, protectedHeader } = await jwtVerify(
        assertion,
        createPublicKey(keys.publicKey.export({ type: 'spki', format: 'pem' })),
        {
          ...{
            audience: 'https://oauth2.googleapis.com/token',
            subject: 'holdfast@example.com',
            currentDate: clock.now(),
          },
          issuer: 'robot@project.iam.gserviceaccount.com',
        },
      );
      assert.equal(payload['scope'], 'https://www.googleapis.com/auth/gmail.send');
      assert.equal(protectedHeader.kid, 'k1');
      return { status: 200, json: { access_token: 'token-1', expires_in: 3599, token_type: 'Bearer' } };
    }
    assert.equal(request.path, '/gmail/v1/users/me/messages/send');
    assert.equal(request.headers.authorization, 'Bearer token-1');
    const { raw } = gmailMessage.parse(JSON.parse(request.body));
    messages.push(Buffer.from(raw, 'base64url').toString('utf8'));
    return { status: 200, json: { id: '18f', threadId: '18f', labelIds: ['SENT'] } };
  });
  await sender.send(outgoing(), patience());
  await sender.send(outgoing(), patience());
  assert.equal(seen.length, 3);
  clock.advance(3600_000);
  await sender.send(outgoing(), patience());
  assert.equal(seen.length, 5);
  assert.match(messages[0] ?? '', /^To: admin@example\.com\r$/m);
  assert.match(messages[0] ?? '', /^From: Holdfast <holdfast@example\.com>\r$/m);
  assert.match(messages[0] ?? '', /The storage is full/);
});

test('Gmail by a refresh token', async (t) => {
  const signIn = {
    ...{ kind: 'refresh-token', clientId: 'app.apps.googleusercontent.com' },
    ...{ clientSecretFile: files.secret, refreshTokenFile: files.refresh },
  };
  const { sender, seen } = await playing(t, { kind: 'gmail', signIn }, ({ host }) =>
    host.startsWith('oauth2')
      ? { status: 200, json: { access_token: 'token-2', expires_in: 3599 } }
      : { status: 200, json: { id: '1' } },
  );
  await sender.send(outgoing(), patience());
  assert.deepEqual(form(seen[0]?.body ?? ''), {
    ...{ grant_type: 'refresh_token', client_id: 'app.apps.googleusercontent.com' },
    ...{ client_secret: 'a-client-secret', refresh_token: 'a-refresh-token' },
  });
});

test('Microsoft Graph by client credentials', async (t) => {
  const { sender, seen } = await playing(t, graph, (request) => {
    if (request.host.startsWith('login.microsoftonline.com')) {
      assert.equal(request.path, '/example.com/oauth2/v2.0/token');
      assert.deepEqual(form(request.body), {
        ...{ grant_type: 'client_credentials', client_id: 'app-1', client_secret: 'a-client-secret' },
        scope: 'https://graph.microsoft.com/.default',
      });
      return { status: 200, json: { token_type: 'Bearer', expires_in: 3599, access_token: 'token-3' } };
    }
    assert.equal(request.path, '/v1.0/users/holdfast%40example.com/sendMail');
    assert.equal(request.headers.authorization, 'Bearer token-3');
    const { message, saveToSentItems } = graphSendMail.parse(JSON.parse(request.body));
    assert.equal(message.subject, 'Error: Backup homes of laptop failed (Holdfast)');
    assert.deepEqual(message.toRecipients, [{ emailAddress: { address: 'admin@example.com' } }]);
    assert.match(message.body.content ?? '', /The storage is full/);
    assert.equal(saveToSentItems, false);
    return { status: 202 };
  });
  await sender.send(outgoing(), patience());
  assert.equal(seen.length, 2);
});

const denied = {
  status: 401,
  json: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret' },
};
const token = { status: 200, json: { access_token: 't', expires_in: 3599 } };
const apiError = (status: number, message: string): ServiceAnswer => ({
  status,
  json: { error: { code: 'x', message } },
});
for (const [what, settings, atSignIn, atSending, code, words] of [
  ['credentials that nobody knows', graph, denied, { status: 202 }, 'notify.sign-in', /AADSTS7000215/],
  ['no right to send', graph, token, apiError(403, 'Access is denied.'), 'notify.sign-in', /Access is denied/],
  [
    'a token that was taken back',
    serviceAccount,
    token,
    apiError(401, 'Invalid Credentials'),
    'notify.sign-in',
    /Invalid/,
  ],
  [
    'a message that it does not want',
    serviceAccount,
    token,
    apiError(400, 'Recipient address required'),
    'notify.refused',
    /Recipient/,
  ],
  ['too many messages', graph, token, apiError(429, 'Too many requests'), 'notify.deferred', /Too many/],
  ['trouble of its own', serviceAccount, token, { status: 503 }, 'notify.deferred', /status 503/],
  ['trouble of its tokens', graph, { status: 500 }, { status: 202 }, 'notify.deferred', /gives no token now/],
] as const) {
  test(`what a mail service answers: ${what}`, async (t) => {
    const { sender } = await playing(t, settings, ({ host }) =>
      host.startsWith('oauth2') || host.startsWith('login') ? atSignIn : atSending,
    );
    const failed = await failureOf(sender.send(outgoing(), patience()));
    assert.equal(failed.code, code);
    assert.match(failed.message, words);
    assert.doesNotMatch(JSON.stringify(failed), /a-client-secret|PRIVATE KEY/);
  });
}

test('a key file that is none is told without being shown', async (t) => {
  const keyFile = join(temporaryFolder(t), 'key');
  writeFileSync(keyFile, '{"client_email":"x","private_key":"secret-words"}');
  const { sender } = await playing(t, { kind: 'gmail', signIn: { kind: 'service-account', keyFile } }, () => token);
  const failed = await failureOf(sender.send(outgoing(), patience()));
  assert.equal(failed.code, 'notify.sign-in');
  assert.ok(failed instanceof HoldfastError);
  assert.doesNotMatch(`${failed.message}${failed.stack}`, /secret-words/);
});

test('a Windows agent uses the channels of its rows', async (t) => {
  const asked: string[] = [];
  const context = {
    ...senderContext(t, { clock, role: 'agent-windows' }),
    wire: {
      dialOutside: async (channel: string) => {
        asked.push(channel);
        throw new HoldfastError('channel.refused');
      },
      sendDatagram: async () => undefined,
    },
  };
  const smtp = { kind: 'smtp', host: 'mx.example.com' };
  for (const settings of [smtp, { ...smtp, port: 587 }, serviceAccount, graph]) {
    const addresses = { from: 'holdfast@example.com', to: ['admin@example.com'] };
    const sender = senderFor(destinationSchema.parse({ ...addresses, ...settings }), context);
    await failureOf(sender.send(outgoing(), patience()));
  }
  assert.deepEqual(asked, ['agent-to-smtp', 'agent-to-smtp-submission', 'agent-to-gmail', 'agent-to-graph']);
});
