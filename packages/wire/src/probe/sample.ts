import type { PortRange } from '@holdfast/contract';
import { maxProbePorts, sampledPorts } from './limits.ts';

/** The ports of a range that are tried: all, or the ends and some between them. Both ends of a check agree on them. */
export function triedPorts({ from, to }: PortRange, all: boolean): readonly number[] {
  const count = to - from + 1;
  if (count <= (all ? maxProbePorts : sampledPorts)) return Array.from({ length: count }, (_, n) => from + n);
  const step = (count - 1) / (sampledPorts - 1);
  return Array.from({ length: sampledPorts }, (_, n) => from + Math.round(n * step));
}
