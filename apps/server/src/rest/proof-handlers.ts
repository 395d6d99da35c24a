import type { ProofSigner } from '@holdfast/protocol';
import type { RestHandlers } from './rest-app.ts';

export function proofHandlers({ proofs }: { proofs: ProofSigner }): Pick<RestHandlers, 'signProof'> {
  return { signProof: ({ body }) => proofs.sign(body.sha256) };
}
