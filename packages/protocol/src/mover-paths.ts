/**
 * The mover's own API on 6162, below `/holdfast/v1`. Everything else on 6162 is the restic REST protocol:
 * `/<tenant>/<repository>/…`.
 */
export const moverApiPrefix = '/holdfast/v1';
/** Upgraded to the task protocol, server only: the mover's own part in checks and audits of the network. */
export const moverPortsPath = `${moverApiPrefix}/ports`;

/** Upgraded to the task protocol, server only: work in repositories of this mover, by its executor. */
export const moverTasksPath = `${moverApiPrefix}/tasks`;

/**
 * `GET /sessions/:id/view`, an executor whose session `publishesTo` that one, with its grant: upgraded to this, a stream on which the
 * executor is the HTTP server, of the REST protocol, and the mover the client.
 */
export const viewProtocol = 'holdfast-view/1';
export function viewPath(readerSessionId: string): string {
  return `${moverApiPrefix}/sessions/${readerSessionId}/view`;
}
