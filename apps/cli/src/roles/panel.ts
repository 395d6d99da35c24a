import { createPanelLink } from '@holdfast/agent';
import { agentRole } from '@holdfast/contract';
import { type ExitStatus, exitStatus, systemClock } from '@holdfast/core';
import { createWire } from '@holdfast/wire';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { dataOf, type RoleOptions } from './role-options.ts';

export interface PanelOptions extends Pick<RoleOptions, 'data'> {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A link for a browser on this computer. A file that a killed agent has left makes one that leads nowhere: so it is tried first. */
export async function showPanelLink(options: PanelOptions, { signal }: Work): Promise<ExitStatus> {
  const link = await createPanelLink({ dataDir: dataOf(options, 'agent'), clock: systemClock });
  await using wire = createWire({ role: agentRole(process.platform), bind: '127.0.0.1' });
  await wire.dialOutside('agent-control-panel', '127.0.0.1', { port: link.port, signal });
  if (options.json) await printJson({ kind: 'panel', ...link });
  else
    await print(
      `The control panel of this computer, for a browser on it. The link is good once, until ${link.expiresAt}:\n\n  ${link.url}\n`,
    );
  return exitStatus.success;
}
