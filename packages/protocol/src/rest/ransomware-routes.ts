import { z } from 'zod';
import { entityId, isoTime, snapshotId } from '../names.ts';
import { ransomwareFinding } from '../ransomware-finding.ts';
import { route } from '../route.ts';
import { byId, countedPageOf, pageQuery, totalQuery } from './parts.ts';

const alertState = z.enum(['open', 'acknowledged', 'false-alarm']);

const ransomwareAlert = z.object({
  id: entityId,
  raisedAt: isoTime,
  /** Whose files. */
  agentId: entityId,
  hostname: z.string(),
  repositoryId: entityId,
  /** The backup in which it was found, and the earlier one that it was compared with: that has the files as they were. */
  snapshotId,
  comparedWith: snapshotId,
  findings: z.array(ransomwareFinding).min(1),
  state: alertState,
  settledAt: isoTime.optional(),
  settledBy: z.string().optional(),
});
export type RansomwareAlert = z.infer<typeof ransomwareAlert>;

/** What the comparison of backups with earlier ones has found. */
export const ransomwareRoutes = {
  ransomwareAlerts: route('ransomwareAlerts', 'GET', '/api/v1/ransomware-alerts', {
    access: 'fleet.read',
    summary: 'Ransomware alerts, newest first: backups in which files were deleted or renamed as ransomware does it',
    tag: 'ransomware',
    query: pageQuery.extend({ state: alertState.optional(), agentId: entityId.optional(), ...totalQuery }),
    response: countedPageOf('alerts', ransomwareAlert),
  }),
  settleRansomwareAlert: route('settleRansomwareAlert', 'POST', '/api/v1/ransomware-alerts/{id}/settle', {
    access: 'repositories.maintain',
    summary:
      'Say what an alert was: seen to (acknowledged), or a false alarm, which raises the threshold for deletions of these extensions on this computer',
    tag: 'ransomware',
    audited: ['state'],
    params: byId,
    body: z.strictObject({ state: alertState.exclude(['open']) }),
    response: ransomwareAlert,
  }),
} as const;
