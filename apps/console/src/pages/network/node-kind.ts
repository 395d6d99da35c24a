import type { MapNode } from './map-links.ts';

/** What a node is for people, in the order in which the drawing has them from left to right. */
const kinds = ['client', 'agent', 'server', 'storage', 'outside'] as const;
export type NodeKind = (typeof kinds)[number];

export function nodeKind({ roles, managed }: Pick<MapNode, 'roles' | 'managed'>): NodeKind {
  const has = (pattern: RegExp): boolean => roles.some((role) => pattern.test(role));
  if (has(/^(backup-server|identity-service)$/)) return 'server';
  if (has(/^agent-/)) return 'agent';
  if (has(/^(data-mover|repository|gateway|cloud-gateway|mount-server)/)) return 'storage';
  if (has(/^client$/)) return 'client';
  return managed ? 'storage' : 'outside';
}

export function kindRank(node: Pick<MapNode, 'roles' | 'managed'>): number {
  return kinds.indexOf(nodeKind(node));
}
