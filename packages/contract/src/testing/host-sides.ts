import assert from 'node:assert/strict';
import { z } from 'zod';
import type { Plan, PlannedHost } from '../plan/plan.ts';
import { runPython } from './python.ts';
import { type Packet, type Place, packetsOf, planAllows } from './traffic.ts';

/** A test's reading of rules that stand at each host. */
export interface SideRules {
  /** Whether the host may open the connection, or accept it; the peer is the other end. */
  allows(direction: 'in' | 'out', host: PlannedHost, peer: Place, packet: Packet): boolean;
}

/** Every packet that a managed host could send or get, at that host's side alone. */
export function compareSides(
  plan: Plan,
  rules: SideRules,
  isInside: (host: PlannedHost) => boolean = () => true,
): void {
  for (const { from, to, packet } of packetsOf(plan)) {
    const [source, target] = [from.host, to.host];
    if (source?.managed && isInside(source)) {
      const planned = planAllows(plan, packet, { from: (host) => host === source });
      assert.equal(rules.allows('out', source, to, packet), planned, `out ${source.name} ${JSON.stringify(packet)}`);
    }
    if (target?.managed && isInside(target)) {
      const planned = planAllows(plan, packet, { to: (host) => host === target });
      assert.equal(rules.allows('in', target, from, packet), planned, `in ${target.name} ${JSON.stringify(packet)}`);
    }
  }
}

/** A resource's attributes as a parser gives them; references are their texts. */
export type Attributes = Readonly<Record<string, unknown>>;

export interface Terraform {
  readonly resources: readonly { readonly type: string; readonly label: string; readonly attributes: Attributes }[];
  /** The value of the only output. */
  readonly output: Readonly<Record<string, unknown>>;
  /** What `removed` blocks name. */
  readonly removed: readonly string[];
}

const record = <T extends z.ZodType>(value: T): z.ZodRecord<z.ZodString, T> => z.record(z.string(), value);
const parsedSchema = z.array(
  z.object({
    resource: record(record(record(z.unknown()))).default({}),
    output: record(z.object({ value: record(z.unknown()) })).default({}),
    removed: z
      .array(z.strictObject({ from: z.string(), lifecycle: z.strictObject({ destroy: z.literal(true) }) }))
      .default([]),
  }),
);

const script = `
import json, sys, pygohcl
print(json.dumps([pygohcl.loads(text) for text in json.load(sys.stdin)]))
`;

/** Reads configurations with HashiCorp's own parser. Throws for what it refuses, and for a resource that is there twice. */
export function readTerraform(texts: readonly string[]): readonly Terraform[] {
  const all = parsedSchema.parse(JSON.parse(runPython(script, JSON.stringify(texts))));
  return all.map(({ resource, output, removed }, index) => {
    const resources = Object.entries(resource).flatMap(([type, labels]) =>
      Object.entries(labels).map(([label, attributes]) => ({ type, label, attributes })),
    );
    const written = texts[index]?.match(/^resource "/gm)?.length ?? 0;
    assert.equal(resources.length, written, 'a resource stands there twice');
    return { resources, output: Object.values(output)[0]?.value ?? {}, removed: removed.map(({ from }) => from) };
  });
}

/** Exactly the resources of the one are taken away by the other. */
export function assertRemoves(removal: Terraform, applied: Terraform): void {
  assert.deepEqual(removal.resources, []);
  assert.deepEqual(
    removal.removed.toSorted(),
    applied.resources.map(({ type, label }) => `${type}.${label}`).toSorted(),
  );
}

export function text(value: unknown): string {
  assert.equal(typeof value, 'string');
  return String(value);
}

export function texts(value: unknown): readonly string[] {
  assert.ok(Array.isArray(value) && value.every((one) => typeof one === 'string'), JSON.stringify(value));
  return value;
}

/** `2500-3300` or `443`. */
export function inPortTexts(ports: readonly string[], port: number): boolean {
  return ports.some((range) => {
    assert.match(range, /^\d+(-\d+)?$/);
    const [from = 0, to = from] = range.split('-').map(Number);
    return port >= from && port <= to;
  });
}
