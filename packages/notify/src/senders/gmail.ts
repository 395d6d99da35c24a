import { HoldfastError } from '@holdfast/core';
import { importPKCS8, SignJWT } from 'jose';
import { z } from 'zod';
import type { DestinationOf } from '../configuration.ts';
import { postOutside } from './http.ts';
import { mimeMail } from './mail.ts';
import { AccessTokens } from './oauth.ts';
import { byRole, type Sender, type SenderContext } from './sender.ts';
import { mailApiError } from './service-answer.ts';

type Gmail = DestinationOf<'gmail'>;

const tokenUrl = 'https://oauth2.googleapis.com/token';
/** `gmail.users.messages.send` of the discovery document; `me` is who signed in. */
const sendUrl = new URL('https://gmail.googleapis.com/gmail/v1/users/me/messages/send');
const scope = 'https://www.googleapis.com/auth/gmail.send';

/** The part that is used of a service account's key file. */
const keyFileSchema = z.object({
  client_email: z.string().min(1).max(500),
  private_key: z.string().min(1).max(10_000),
  private_key_id: z.string().max(500).optional(),
});

/** Mail through Gmail's REST interface. */
export function gmailSender(gmail: Gmail, context: SenderContext): Sender {
  const channel = byRole(context.role, {
    server: 'server-to-mail-api',
    windows: 'agent-to-gmail',
    posix: 'posix-agent-to-mail-api',
  });
  const tokens = new AccessTokens({ channel, url: tokenUrl, form: () => signInForm(gmail, context), context });
  return {
    send: async (outgoing, signal) => {
      const token = await tokens.take(signal);
      const { timeZone, clock } = context;
      const mime = await mimeMail(outgoing, {
        from: gmail.from,
        to: outgoing.recipient ?? '',
        timeZone,
        now: clock.now(),
      });
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ raw: mime.toString('base64url') });
      const answer = await postOutside({ channel, url: sendUrl, headers, body }, context, signal);
      if (answer.status === 200) return;
      if (answer.status === 401) tokens.forget();
      throw mailApiError('Gmail', answer);
    },
  };
}

/** RFC 7523 for a service account, RFC 6749, 6 for a refresh token. */
async function signInForm({ signIn, from }: Gmail, context: SenderContext): Promise<Record<string, string>> {
  if (signIn.kind === 'refresh-token') {
    return {
      grant_type: 'refresh_token',
      client_id: signIn.clientId,
      client_secret: await context.readFile(signIn.clientSecretFile),
      refresh_token: await context.readFile(signIn.refreshTokenFile),
    };
  }
  const text = await context.readFile(signIn.keyFile);
  try {
    const key = keyFileSchema.parse(JSON.parse(text));
    const nowSeconds = Math.floor(context.clock.now().getTime() / 1000);
    const assertion = await new SignJWT({ scope })
      .setProtectedHeader({
        alg: 'RS256',
        typ: 'JWT',
        ...(key.private_key_id === undefined ? {} : { kid: key.private_key_id }),
      })
      .setIssuer(key.client_email)
      .setSubject(from)
      .setAudience(tokenUrl)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + 3600)
      .sign(await importPKCS8(key.private_key, 'RS256'));
    return { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  } catch (error) {
    // What is wrong with it is not said: the parser's words quote the file, which is a secret.
    throw new HoldfastError('notify.sign-in', {
      message: `${signIn.keyFile} is not the key file (JSON) of a service account.`,
      guidance:
        'Make a key for the service account in the Google Cloud console, and give the file as it was downloaded.',
      cause: error instanceof Error ? error.name : undefined,
    });
  }
}
