import type { Clock } from '@holdfast/core';
import type { BearerToken } from '../bearer-token.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { ServerConfig } from '../config.ts';
import { ArtifactStore } from '../oauth/artifact-store.ts';
import type { Vault } from '../vault.ts';
import { Authentication } from './authentication.ts';
import { Credentials } from './credentials.ts';
import { Passkeys } from './passkeys.ts';
import { PasswordHasher } from './password-hash.ts';
import { SecondFactors } from './second-factors.ts';
import { SignIn } from './sign-in.ts';
import { SignInDelays } from './sign-in-delays.ts';

/** What accounts consist of, made once for a server. */
export class People {
  readonly clock: Clock;
  readonly hasher = new PasswordHasher();
  readonly credentials: Credentials;
  readonly factors: SecondFactors;
  readonly signIn: SignIn;
  /** Codes and tokens of OAuth: what somebody signed in to is one of the credentials. */
  readonly artifacts: ArtifactStore;
  readonly authentication: Authentication;

  constructor(o: {
    catalogue: Catalogue;
    vault: Vault;
    config: ServerConfig;
    localToken: BearerToken;
    onRevoked: () => void;
    onDelay: (name: string, address: string) => void;
    clock: Clock;
  }) {
    const { clock } = o;
    const { sessionIdleMinutes, sessionHours, apiTokenIdleDays } = o.config.people;
    this.clock = clock;
    this.credentials = new Credentials({
      catalogue: o.catalogue,
      clock,
      lifetimes: {
        sessionIdleMs: sessionIdleMinutes * 60_000,
        sessionMs: sessionHours * 3_600_000,
        apiTokenIdleMs: apiTokenIdleDays * 86_400_000,
      },
      onRevoked: o.onRevoked,
    });
    this.factors = new SecondFactors({ vault: o.vault, passkeys: new Passkeys(o.config.publicUrl), clock });
    const delays = new SignInDelays(clock, o.onDelay);
    this.signIn = new SignIn({
      credentials: this.credentials,
      factors: this.factors,
      hasher: this.hasher,
      delays,
      clock,
    });
    this.artifacts = new ArtifactStore({
      catalogue: o.catalogue,
      vault: o.vault,
      credentials: this.credentials,
      clock,
    });
    this.authentication = new Authentication({
      ...{ localToken: o.localToken, catalogue: o.catalogue, credentials: this.credentials, clock },
      accessTokens: this.artifacts,
      factors: this.factors,
      factorRoles: o.config.people.secondFactorRoles,
    });
  }
}
