import { rolePermissions, routeAccess } from 'virtual:rest-routes';
import { useQuery } from '@tanstack/react-query';
import type { RouteName } from '../api/call.ts';
import { routeQuery } from '../api/queries.ts';

/** Whether a route may be called. */
export type May = (name: RouteName) => boolean;

/**
 * What the person's role may do, by the server's own table: the rest isn't offered. The server decides anew at each request; this only
 * spares people the refusal. Nothing is offered before the account is known.
 */
export function useMay(): May {
  const { data } = useQuery(routeQuery('account', {}));
  if (!data) return () => false;
  const { role, groups } = data.user;
  const permissions = rolePermissions[role][groups === undefined ? 'everywhere' : 'inGroups'];
  return (name) => {
    const needed = routeAccess[name];
    return needed === 'public' || permissions.includes(needed);
  };
}
