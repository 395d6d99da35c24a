import { rolePermissions, routeAccess } from 'virtual:rest-routes';
import type { Permission } from '@holdfast/protocol';
import { useQuery } from '@tanstack/react-query';
import { type RegisteredRouter, useRouter } from '@tanstack/react-router';
import type { RouteName } from '../api/call.ts';
import { routeQuery } from '../api/queries.ts';

/** Whether a route of the REST API may be called. */
export type May = (name: RouteName) => boolean;

/** What nobody lacks, confined to groups or not: offered before the account is known. */
const ofEverybody: readonly Permission[] = rolePermissions.administrator.inGroups.filter((one) =>
  Object.values(rolePermissions).every(({ inGroups }) => inGroups.includes(one)),
);

/** What the account may do, by the server's own table; undefined until the account is known. */
export function usePermissions(): readonly Permission[] | undefined {
  const { data } = useQuery(routeQuery('account', {}));
  if (!data) return undefined;
  const { role, groups } = data.user;
  return rolePermissions[role][groups === undefined ? 'everywhere' : 'inGroups'];
}

/** What the account may not do isn't offered. The server decides anew at each request: this only spares people the refusal. */
export function useMay(): May {
  const permissions = usePermissions() ?? ofEverybody;
  return (name) => {
    const needed = routeAccess[name];
    return needed === 'public' || permissions.includes(needed);
  };
}

/** Whether a page may be opened, by the route of the REST API that it needs (`staticData` in the router's table). */
export function useMayOpen(): (path: PagePath) => boolean {
  const may = useMay();
  const { routesByPath } = useRouter();
  return (path) => may(routesByPath[path].options.staticData.needs);
}
type PagePath = keyof RegisteredRouter['routesByPath'];
