import type { Answer, CallArguments, Routes } from '@holdfast/protocol';
import { call } from '../../api/call.ts';
import { ApiProblem } from '../../api/problem.ts';

type Registration = CallArguments<Routes['confirmPasskey']>['body']['response'];

/** Has the browser make a passkey for this site (WebAuthn level 3), and gives its public part to the server. */
export async function registerPasskey(o: {
  readonly password: string;
  readonly name: string;
}): Promise<Answer<'confirmPasskey'>> {
  const { passkeyOptions } = await call('addPasskey', { body: { currentPassword: o.password } });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    passkeyOptions as unknown as PublicKeyCredentialCreationOptionsJSON,
  );
  const credential = await navigator.credentials.create({ publicKey });
  if (!(credential instanceof PublicKeyCredential))
    throw new ApiProblem({ code: 'console.passkey', message: 'The browser made no passkey.' });
  return call('confirmPasskey', { body: { name: o.name, response: credential.toJSON() as unknown as Registration } });
}
