import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Finding } from './check.ts';
import { runNode } from './program.ts';

/** Each generator writes its page, or with `--check` fails if the page differs from the data. */
export const generators: readonly { readonly page: string; readonly script: string }[] = [
  { page: 'docs/PORTS.md', script: 'packages/contract/src/generate-docs.ts' },
  { page: 'docs/topology.schema.json', script: 'packages/contract/src/generate-docs.ts' },
  { page: 'docs/fleet.schema.json', script: 'apps/cli/src/generate-docs.ts' },
  { page: 'docs/errors.md', script: 'tools/errors-page.ts' },
];

export const generatedDocs: Check = {
  name: 'generated docs',
  purpose: 'pages made from data say what the data says (npm run fix)',
  async run(root) {
    const findings: Finding[] = [];
    let filesSeen = 0;
    for (const { page, script } of generators) {
      if (!existsSync(join(root, page)) || !existsSync(join(root, script))) {
        findings.push({ file: page, message: `${page} or its generator ${script} is missing` });
        continue;
      }
      filesSeen += 1;
      const { status, stderr } = await runNode(root, script, ['--check']);
      if (status !== 0)
        findings.push({ file: page, message: stderr.trim() || `${script} --check ended with ${status}` });
    }
    return { filesSeen, filesExpected: generators.length, findings };
  },
};
