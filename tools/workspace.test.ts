/** The checks of the workspace, as tests: `npm test` holds the code to them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { allChecks } from './checks/all.ts';
import { formatFinding, runCheck } from './checks/check.ts';

const root = join(import.meta.dirname, '..');
/** More findings only hide the first ones; `npm run check` shows the rest. */
const shownFindings = 25;

for (const check of allChecks)
  test(`${check.name}: ${check.purpose}`, async () => {
    const { errors } = await runCheck(check, root);
    const shown = errors.slice(0, shownFindings).map(formatFinding);
    if (errors.length > shown.length) shown.push(`… and ${errors.length - shown.length} more: npm run check`);
    assert.ok(errors.length === 0, `\n${shown.join('\n')}`);
  });
