import { type Clock, HoldfastError } from '@holdfast/core';
import type { AgentConnections } from '../computers/agent-connections.ts';
import type { Movers } from '../computers/movers.ts';
import { createJoinToken } from '../enrolment/join-tokens.ts';
import { readCsvList } from '../inventory/csv-list.ts';
import { expectComputers, forgetExpected, pageOfExpected, takeList } from '../inventory/expected-computers.ts';
import { changeGroup, createGroup, deleteGroup, groupView, loadGroup, pageOfGroups } from '../inventory/groups.ts';
import type { Rescans } from '../inventory/rescans.ts';
import type { RestHandlers } from './rest-app.ts';

type GroupRoutes =
  | 'groups'
  | 'group'
  | 'createGroup'
  | 'changeGroup'
  | 'deleteGroup'
  | 'expectedComputers'
  | 'expectComputers'
  | 'forgetExpected'
  | 'uploadCsv'
  | 'rescanGroup'
  | 'exportGroup';

export function groupHandlers(o: {
  rescans: Rescans;
  movers: Movers;
  connections: AgentConnections;
  caFingerprint: string;
  /** Where computers find this server, as far as it knows. */
  ownNames: readonly string[];
  portOf: (channel: 'enrolment' | 'windows-enrolment') => number;
  clock: Clock;
}): Pick<RestHandlers, GroupRoutes> {
  const { clock, rescans } = o;
  return {
    groups: ({ scope, query }) => pageOfGroups(scope, query),
    group: async ({ scope, params }) => groupView(await loadGroup(scope, params.id)),
    createGroup: async ({ scope, body, note }) => {
      note({ subject: body.name });
      return groupView(await createGroup(scope, body, clock));
    },
    changeGroup: async ({ scope, params, body: { managedBy, ...settings }, requireUnchanged }) =>
      groupView(await changeGroup(scope, { name: params.id, settings, managedBy, requireUnchanged }, clock)),
    deleteGroup: async ({ scope, params, query, note, requireUnchanged }) => {
      if (query.moveTo !== undefined) note({ details: { moveTo: query.moveTo } });
      const { movedIds, movers } = await deleteGroup(scope, { name: params.id, ...query, requireUnchanged }, clock);
      o.movers.tellSoon(scope.tenant, movers);
      o.connections.tellPoliciesChanged(scope.tenant, movedIds);
      return { movedComputers: movedIds.length };
    },
    expectedComputers: ({ scope, query }) => pageOfExpected(scope, query),
    expectComputers: ({ scope, params, body }) => expectComputers(scope, { group: params.id, ...body }, clock),
    forgetExpected: ({ scope, params, body }) => forgetExpected(scope, { group: params.id, ...body }),
    uploadCsv: async ({ scope, params, body }) => {
      const group = await loadGroup(scope, params.id);
      if (group.type !== 'csv' || group.csvFile !== null)
        throw new HoldfastError('request.conflict', {
          message: `The protection group ${params.id} takes no list: it ${group.type === 'csv' ? `reads the file ${group.csvFile}` : `is of type ${group.type}`}.`,
        });
      return takeList(scope, { group, computers: readCsvList(body.content), clock });
    },
    rescanGroup: ({ scope, params, signal }) => rescans.rescanGroup(scope, params.id, signal),
    exportGroup: async ({ scope, params, body, note }) => {
      const { type } = await loadGroup(scope, params.id);
      if (type !== 'preinstalled')
        throw new HoldfastError('request.conflict', {
          message: `The protection group ${params.id} is of type ${type}: only groups of pre-installed computers are exported.`,
          guidance: '`holdfast token create --group` makes a token for this one.',
        });
      const { role, uses, lifetimeSeconds } = body;
      const made = await createJoinToken(scope, {
        ...{ role, uses, group: params.id, lifetimeMs: lifetimeSeconds * 1000, preinstalled: true, clock },
      });
      note({ details: { joinToken: made.id } });
      const [enrolmentPort, windowsEnrolmentPort] = [o.portOf('enrolment'), o.portOf('windows-enrolment')];
      const names = body.servers.length > 0 ? body.servers : o.ownNames;
      return {
        ...{ version: 1, role, group: params.id, caFingerprint: o.caFingerprint, token: made.token },
        servers: names.slice(0, 20).map((host) => ({ host, enrolmentPort, windowsEnrolmentPort })),
        expiresAt: made.expiresAt,
      };
    },
  };
}
