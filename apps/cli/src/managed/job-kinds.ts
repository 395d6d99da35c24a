import type { CallArguments, Policy, PolicySettings, RestClient, Routes, Session } from '@holdfast/protocol';

/** A job or a policy, as far as they are alike. Of a job `direction` is in it too, and comes back with a change. */
export type Definition = Policy;
type NewDefinition = CallArguments<Routes['createPolicy']>['body'];

interface Asked {
  readonly client: RestClient;
  readonly signal: AbortSignal;
}

/** Jobs and policies are defined and run by the same commands; these are the calls in which they differ. */
export interface JobKind {
  readonly noun: 'job' | 'policy';
  readonly plural: 'jobs' | 'policies';
  list(o: Asked): Promise<Definition[]>;
  create(o: Asked & { readonly body: NewDefinition }): Promise<Definition>;
  /** With its entity tag, for `change`. */
  read(o: Asked & { readonly id: string }): Promise<{ readonly answer: Definition; readonly tag: string }>;
  change(
    o: Asked & { readonly id: string; readonly body: PolicySettings; readonly ifMatch: string },
  ): Promise<Definition>;
  remove(o: Asked & { readonly id: string }): Promise<unknown>;
  run(o: Asked & { readonly id: string; readonly computers: string[] | undefined }): Promise<Session>;
}

export const jobKind: JobKind = {
  noun: 'job',
  plural: 'jobs',
  list: ({ client, signal }) => client.list('jobs', { signal }),
  create: ({ client, signal, body }) => client.call('createJob', { body, signal }),
  read: ({ client, signal, id }) => client.tagged('job', { params: { id }, signal }),
  change: ({ client, signal, id, body, ifMatch }) =>
    client.call('changeJob', { params: { id }, body, ifMatch, signal }),
  remove: ({ client, signal, id }) => client.call('deleteJob', { params: { id }, signal }),
  run: ({ client, signal, id, computers }) =>
    client.call('runJob', { params: { id }, body: computers ? { computers } : {}, signal }),
};

export const policyKind: JobKind = {
  noun: 'policy',
  plural: 'policies',
  list: ({ client, signal }) => client.list('policies', { signal }),
  create: ({ client, signal, body }) => client.call('createPolicy', { body, signal }),
  read: ({ client, signal, id }) => client.tagged('policy', { params: { id }, signal }),
  change: ({ client, signal, id, body, ifMatch }) =>
    client.call('changePolicy', { params: { id }, body, ifMatch, signal }),
  remove: ({ client, signal, id }) => client.call('deletePolicy', { params: { id }, signal }),
  run: ({ client, signal, id, computers }) =>
    client.call('runPolicy', { params: { id }, body: computers ? { computers } : {}, signal }),
};
