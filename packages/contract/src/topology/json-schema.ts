import { z } from 'zod';
import { topologyDocument } from './schema.ts';

/** The schema of topology files for editors, as docs/topology.schema.json has it. */
export function topologyJsonSchema(): string {
  const schema = z.toJSONSchema(topologyDocument, { target: 'draft-7', io: 'input', reused: 'inline' });
  return `${JSON.stringify({ title: 'Holdfast topology', ...schema }, null, 2)}\n`;
}
