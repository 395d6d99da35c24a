import type { CallArguments, Routes } from '@holdfast/protocol';
import { ApiProblem } from '../api/problem.ts';

type Proof = CallArguments<Routes['completeBrowserSignIn']>['body']['proof'];
type Assertion = Extract<Proof, { kind: 'passkey' }>['response'];

/** Has the browser answer the server's challenge with a passkey (WebAuthn level 3). */
export async function assertPasskey(options: Readonly<Record<string, unknown>>): Promise<Assertion> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    options as unknown as PublicKeyCredentialRequestOptionsJSON,
  );
  const credential = await navigator.credentials.get({ publicKey });
  if (!(credential instanceof PublicKeyCredential))
    throw new ApiProblem({ code: 'console.passkey', message: 'The browser gave no passkey.' });
  return credential.toJSON() as Assertion;
}
