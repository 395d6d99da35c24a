/** Jobs are started by the server, policies by agents themselves; they are planned, shown and run alike. */
export type JobKind = 'job' | 'policy';

/** The routes of the API and the pages of each of them. */
export const jobKinds = {
  job: { one: 'job', list: 'jobs', create: 'createJob', change: 'changeJob', remove: 'deleteJob', run: 'runJob' },
  policy: {
    one: 'policy',
    list: 'policies',
    create: 'createPolicy',
    change: 'changePolicy',
    remove: 'deletePolicy',
    run: 'runPolicy',
  },
} as const;
