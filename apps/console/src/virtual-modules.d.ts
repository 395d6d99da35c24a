/** Made by vite.config.ts out of `@holdfast/protocol`. */
declare module 'virtual:rest-routes' {
  import type { Routes } from '@holdfast/protocol';

  /** Method and path, with `{name}` for each parameter. */
  export const restRoutes: { readonly [Name in keyof Routes]: readonly [Routes[Name]['method'], string] };
}
