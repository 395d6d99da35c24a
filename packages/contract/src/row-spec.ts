import type { Endpoint, PortRange } from './channel-spec.ts';
import type { Role } from './roles.ts';

/** The documents that the system was asked for from: agents under a server, agents on their own, and a newer edition of the first. */
export type SourceDocument = 'managed' | 'standalone' | 'managed-newer';

/**
 * One port, or one range, for one purpose, as a source document asks for it. The rows say what was asked; channels say
 * what is built, and `deviations.ts` where and why the two differ.
 */
export interface RowSpec {
  readonly id: string;
  readonly document: SourceDocument;
  /** Lines of the document, the first one first. */
  readonly lines: readonly [number, ...number[]];
  readonly from: readonly Role[];
  readonly to: readonly Role[];
  readonly transport: 'tcp' | 'udp';
  /** Empty: depends on the device. */
  readonly ports: readonly PortRange[];
  /** A busy port makes the listener move up; without `to` the document sets no upper bound. */
  readonly increment?: { readonly from: number; readonly to?: number; readonly sticky: boolean };
  readonly onePortPerConnection?: true;
  readonly loopbackOnly?: true;
  readonly customizable?: true;
  /** Present: the document makes the port optional, and this says when it is needed. */
  readonly condition?: string;
  readonly endpoints?: readonly Endpoint[];
  readonly purpose: string;
}
