/** Made by vite.config.ts out of docs/proof.json: the product's own proof, of the computers of the main job. */
declare module 'virtual:published-proof' {
  /** JSON */
  export const publishedProof: string;
}

/** Made by vite.config.ts out of `@holdfast/protocol`. */
declare module 'virtual:rest-routes' {
  import type { Permission, PersonRole, Routes } from '@holdfast/protocol';

  /** Method and path, with `{name}` for each parameter. */
  export const restRoutes: { readonly [Name in keyof Routes]: readonly [Routes[Name]['method'], string] };
  /** What the caller of each route must be allowed. */
  export const routeAccess: { readonly [Name in keyof Routes]: Routes[Name]['access'] };
  /** What each role is allowed: in all groups, and confined to some. */
  export const rolePermissions: {
    readonly [Role in PersonRole]: {
      readonly everywhere: readonly Permission[];
      readonly inGroups: readonly Permission[];
    };
  };
}
