import { oneLine } from '@holdfast/core';

/** What is on a port of the listening computer, as the listener there knows it. */
export type PortState =
  /** The probe listener waits there. `unproven`: connections that came and did not get as far as proving themselves. */
  | { readonly kind: 'open'; readonly unproven: number }
  /** Something else has it; `fingerprint`: of the certificate that it presents there, if it speaks TLS. */
  | { readonly kind: 'held'; readonly holder: string; readonly fingerprint?: string | undefined }
  | { readonly kind: 'reserved'; readonly code: string }
  | { readonly kind: 'forbidden'; readonly code: string };

export type PortStates = ReadonlyMap<number, PortState>;

export function stateText(states: PortStates): string {
  return JSON.stringify([...states]);
}

/** Reads a report of the other end, which has proven itself, but may be of another version. Unknown entries are left out. */
export function parseStates(text: string): PortStates {
  const states = new Map<number, PortState>();
  const parsed: unknown = JSON.parse(text);
  for (const entry of Array.isArray(parsed) ? parsed : []) {
    const [port, state] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const known = typeof port === 'number' ? stateOf(state) : undefined;
    if (typeof port === 'number' && known) states.set(port, known);
  }
  return states;
}

function stateOf(value: unknown): PortState | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  const text = (key: string): string => {
    const found: unknown = (value as Record<string, unknown>)[key];
    // It is printed: nothing in it may steer a terminal.
    return typeof found === 'string' ? oneLine(found).slice(0, 200) : '';
  };
  switch (value.kind) {
    case 'open':
      return { kind: 'open', unproven: 'unproven' in value && typeof value.unproven === 'number' ? value.unproven : 0 };
    case 'held':
      return {
        kind: 'held',
        holder: text('holder'),
        ...('fingerprint' in value ? { fingerprint: text('fingerprint') } : {}),
      };
    case 'reserved':
    case 'forbidden':
      return { kind: value.kind, code: text('code') };
    default:
      return undefined;
  }
}
