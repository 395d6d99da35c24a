import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import type { RouteName } from '../api/call.ts';
import { parseAlertsSearch } from '../pages/alerts/alerts-search.ts';
import { parseComputersSearch } from '../pages/computers/computers-search.ts';
import { parseGroupsSearch } from '../pages/groups/groups-search.ts';
import { parseJobsSearch } from '../pages/jobs/jobs-search.ts';
import { parseNetworkSearch } from '../pages/network/network-search.ts';
import { NotFoundPage } from '../pages/not-found-page.tsx';
import { parseRecoveryTokensSearch } from '../pages/recovery-tokens/recovery-tokens-search.ts';
import { parseRepositoriesSearch } from '../pages/repositories/repositories-search.ts';
import { parseRestoreSearch } from '../pages/restore/restore-search.ts';
import { parseRunsSearch } from '../pages/runs/runs-search.ts';
import { parseSessionsSearch } from '../pages/sessions/sessions-search.ts';
import { parseAuditSearch } from '../pages/settings/audit-search.ts';
import { PageFailure } from './page-failure.tsx';
import { Root } from './root.tsx';

/** What each page's loader is given. */
interface RouterContext {
  readonly queryClient: QueryClient;
}

const root = createRootRouteWithContext<RouterContext>()({
  component: Root,
  notFoundComponent: NotFoundPage,
  staticData: { needs: 'console' },
});

/** Each page is a part of its own, loaded when somebody goes there; a pointer over a link loads it ahead. */
const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  staticData: { needs: 'overview' },
  component: lazyRouteComponent(() => import('../pages/overview/overview-page.tsx'), 'OverviewPage'),
});
const getStarted = createRoute({
  getParentRoute: () => root,
  path: '/get-started',
  staticData: { needs: 'createToken' },
  component: lazyRouteComponent(() => import('../pages/get-started/get-started-page.tsx'), 'GetStartedPage'),
});
const computers = createRoute({
  getParentRoute: () => root,
  path: '/computers',
  staticData: { needs: 'computers' },
  validateSearch: parseComputersSearch,
  component: lazyRouteComponent(() => import('../pages/computers/computers-page.tsx'), 'ComputersPage'),
});
const computer = createRoute({
  getParentRoute: () => root,
  path: '/computers/$id',
  staticData: { needs: 'computer' },
  component: lazyRouteComponent(() => import('../pages/computers/computer-page.tsx'), 'ComputerPage'),
});
const jobs = createRoute({
  getParentRoute: () => root,
  path: '/jobs',
  staticData: { needs: 'jobs' },
  validateSearch: parseJobsSearch,
  component: lazyRouteComponent(() => import('../pages/jobs/jobs-page.tsx'), 'JobsPage'),
});
const sessions = createRoute({
  getParentRoute: () => root,
  path: '/sessions',
  staticData: { needs: 'sessions' },
  validateSearch: parseSessionsSearch,
  component: lazyRouteComponent(() => import('../pages/sessions/sessions-page.tsx'), 'SessionsPage'),
});
const session = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$id',
  staticData: { needs: 'session' },
  component: lazyRouteComponent(() => import('../pages/sessions/session-page.tsx'), 'SessionPage'),
});
const runs = createRoute({
  getParentRoute: () => root,
  path: '/runs',
  staticData: { needs: 'runs' },
  validateSearch: parseRunsSearch,
  component: lazyRouteComponent(() => import('../pages/runs/runs-page.tsx'), 'RunsPage'),
});
const repositories = createRoute({
  getParentRoute: () => root,
  path: '/repositories',
  staticData: { needs: 'repositories' },
  validateSearch: parseRepositoriesSearch,
  component: lazyRouteComponent(() => import('../pages/repositories/repositories-page.tsx'), 'RepositoriesPage'),
});
const repository = createRoute({
  getParentRoute: () => root,
  path: '/repositories/$id',
  staticData: { needs: 'repositories' },
  component: lazyRouteComponent(() => import('../pages/repositories/repository-page.tsx'), 'RepositoryPage'),
});
const changeMaintenance = createRoute({
  getParentRoute: () => root,
  path: '/repositories/$id/maintenance',
  staticData: { needs: 'setRepositoryMaintenance' },
  component: lazyRouteComponent(() => import('../pages/repositories/maintenance-page.tsx'), 'MaintenancePage'),
});
const network = createRoute({
  getParentRoute: () => root,
  path: '/network',
  staticData: { needs: 'networkMap' },
  validateSearch: parseNetworkSearch,
  component: lazyRouteComponent(() => import('../pages/network/network-page.tsx'), 'NetworkPage'),
});
const whatIf = createRoute({
  getParentRoute: () => root,
  path: '/network/what-if',
  staticData: { needs: 'whatIf' },
  component: lazyRouteComponent(() => import('../pages/network/what-if-page.tsx'), 'WhatIfPage'),
});
const rules = createRoute({
  getParentRoute: () => root,
  path: '/network/rules',
  staticData: { needs: 'renderPlan' },
  component: lazyRouteComponent(() => import('../pages/network/rules-page.tsx'), 'RulesPage'),
});
const newJob = createRoute({
  getParentRoute: () => root,
  path: '/jobs/new',
  staticData: { needs: 'createJob' },
  component: lazyRouteComponent(() => import('../pages/jobs/wizard/new-job-page.tsx'), 'NewJobPage'),
});
const job = createRoute({
  getParentRoute: () => root,
  path: '/jobs/$id',
  staticData: { needs: 'job' },
  component: lazyRouteComponent(() => import('../pages/jobs/job-page.tsx'), 'JobPage'),
});
const changeJob = createRoute({
  getParentRoute: () => root,
  path: '/jobs/$id/change',
  staticData: { needs: 'changeJob' },
  component: lazyRouteComponent(() => import('../pages/jobs/wizard/edit-job-page.tsx'), 'EditJobPage'),
});
const policies = createRoute({
  getParentRoute: () => root,
  path: '/policies',
  staticData: { needs: 'policies' },
  validateSearch: parseJobsSearch,
  component: lazyRouteComponent(() => import('../pages/policies/policies-page.tsx'), 'PoliciesPage'),
});
const newPolicy = createRoute({
  getParentRoute: () => root,
  path: '/policies/new',
  staticData: { needs: 'createPolicy' },
  component: lazyRouteComponent(() => import('../pages/jobs/wizard/new-job-page.tsx'), 'NewPolicyPage'),
});
const policy = createRoute({
  getParentRoute: () => root,
  path: '/policies/$id',
  staticData: { needs: 'policy' },
  component: lazyRouteComponent(() => import('../pages/policies/policy-page.tsx'), 'PolicyPage'),
});
const changePolicy = createRoute({
  getParentRoute: () => root,
  path: '/policies/$id/change',
  staticData: { needs: 'changePolicy' },
  component: lazyRouteComponent(() => import('../pages/jobs/wizard/edit-job-page.tsx'), 'EditPolicyPage'),
});
const groups = createRoute({
  getParentRoute: () => root,
  path: '/groups',
  staticData: { needs: 'groups' },
  validateSearch: parseGroupsSearch,
  component: lazyRouteComponent(() => import('../pages/groups/groups-page.tsx'), 'GroupsPage'),
});
const group = createRoute({
  getParentRoute: () => root,
  path: '/groups/$id',
  staticData: { needs: 'group' },
  component: lazyRouteComponent(() => import('../pages/groups/group-page.tsx'), 'GroupPage'),
});
const account = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  staticData: { needs: 'account' },
  component: lazyRouteComponent(() => import('../pages/settings/account-page.tsx'), 'AccountPage'),
});
const people = createRoute({
  getParentRoute: () => root,
  path: '/settings/people',
  staticData: { needs: 'users' },
  component: lazyRouteComponent(() => import('../pages/settings/people-page.tsx'), 'PeoplePage'),
});
const approvals = createRoute({
  getParentRoute: () => root,
  path: '/settings/approvals',
  staticData: { needs: 'approvals' },
  component: lazyRouteComponent(() => import('../pages/settings/approvals-page.tsx'), 'ApprovalsPage'),
});
const notifications = createRoute({
  getParentRoute: () => root,
  path: '/settings/notifications',
  staticData: { needs: 'notificationSettings' },
  component: lazyRouteComponent(() => import('../pages/settings/notifications-page.tsx'), 'NotificationsPage'),
});
const certificates = createRoute({
  getParentRoute: () => root,
  path: '/settings/certificates',
  staticData: { needs: 'certificates' },
  component: lazyRouteComponent(() => import('../pages/settings/certificates-page.tsx'), 'CertificatesPage'),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: '/settings/audit',
  staticData: { needs: 'audit' },
  validateSearch: parseAuditSearch,
  component: lazyRouteComponent(() => import('../pages/settings/audit-page.tsx'), 'AuditPage'),
});
const proof = createRoute({
  getParentRoute: () => root,
  path: '/network/proof',
  staticData: { needs: 'networkMap' },
  component: lazyRouteComponent(() => import('../pages/network/proof-page.tsx'), 'ProofPage'),
});
const restore = createRoute({
  getParentRoute: () => root,
  path: '/restore',
  staticData: { needs: 'snapshotEntries' },
  validateSearch: parseRestoreSearch,
  component: lazyRouteComponent(() => import('../pages/restore/restore-page.tsx'), 'RestorePage'),
});
const restoreRun = createRoute({
  getParentRoute: () => root,
  path: '/restores/$id',
  staticData: { needs: 'run' },
  component: lazyRouteComponent(() => import('../pages/restore/restore-run-page.tsx'), 'RestoreRunPage'),
});
const alerts = createRoute({
  getParentRoute: () => root,
  path: '/alerts',
  staticData: { needs: 'ransomwareAlerts' },
  validateSearch: parseAlertsSearch,
  component: lazyRouteComponent(() => import('../pages/alerts/alerts-page.tsx'), 'AlertsPage'),
});
const recoveryTokens = createRoute({
  getParentRoute: () => root,
  path: '/recovery-tokens',
  staticData: { needs: 'recoveryTokens' },
  validateSearch: parseRecoveryTokensSearch,
  component: lazyRouteComponent(
    () => import('../pages/recovery-tokens/recovery-tokens-page.tsx'),
    'RecoveryTokensPage',
  ),
});
/** Before anybody has signed in: see `Root`. */
const setUp = createRoute({ getParentRoute: () => root, path: '/set-up', staticData: { needs: 'console' } });
const outsideSignIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in/outside',
  staticData: { needs: 'console' },
  component: lazyRouteComponent(() => import('../session/outside-sign-in-page.tsx'), 'SignedInAlready'),
});

const routeTree = root.addChildren([
  overview,
  getStarted,
  computers,
  computer,
  jobs,
  sessions,
  session,
  runs,
  ...[repositories, repository, changeMaintenance],
  ...[network, whatIf, rules, proof],
  ...[newJob, job, changeJob, policies, newPolicy, policy, changePolicy, groups, group],
  ...[account, people, approvals, notifications, certificates, audit],
  ...[restore, restoreRun, recoveryTokens, alerts],
  setUp,
  outsideSignIn,
]);

export function createConsoleRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultErrorComponent: PageFailure,
    scrollRestoration: true,
    // What a page needs is in the cache of queries.
    defaultPreloadStaleTime: 0,
  });
}

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    /** The route of the REST API without which there is nothing to see: who may not call it is told so in the page's place. */
    readonly needs: RouteName;
  }
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
