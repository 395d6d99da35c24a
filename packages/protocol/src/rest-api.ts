import { portRoutes } from './port-routes.ts';
import { accountRoutes } from './rest/account-routes.ts';
import { auditExportRoutes } from './rest/audit-export-routes.ts';
import { bandwidthRuleRoutes } from './rest/bandwidth-rule-routes.ts';
import { browserRoutes } from './rest/browser-routes.ts';
import { computerRoutes } from './rest/computer-routes.ts';
import { drillRoutes } from './rest/drill-routes.ts';
import { groupRoutes } from './rest/group-routes.ts';
import { healthRoutes } from './rest/health-routes.ts';
import { identityProviderRoutes } from './rest/identity-provider-routes.ts';
import { jobRoutes } from './rest/job-routes.ts';
import { maintenanceRoutes } from './rest/maintenance-routes.ts';
import { networkRoutes } from './rest/network-routes.ts';
import { notificationRoutes } from './rest/notification-routes.ts';
import { oauthClientRoutes } from './rest/oauth-client-routes.ts';
import { overviewRoutes } from './rest/overview-routes.ts';
import { policyRoutes } from './rest/policy-routes.ts';
import { ransomwareRoutes } from './rest/ransomware-routes.ts';
import { readingRoutes } from './rest/reading-routes.ts';
import { recoveryRoutes } from './rest/recovery-routes.ts';
import { recoveryTokenRoutes } from './rest/recovery-token-routes.ts';
import { repositoryRoutes } from './rest/repository-routes.ts';
import { runLogRoutes } from './rest/run-log-routes.ts';
import { runRoutes } from './rest/run-routes.ts';
import { serverRoutes } from './rest/server-routes.ts';
import { serviceAccountRoutes } from './rest/service-account-routes.ts';
import { sessionRoutes } from './rest/session-routes.ts';
import { supportRoutes } from './rest/support-routes.ts';
import { userRoutes } from './rest/user-routes.ts';

/**
 * The server's REST API, on 443. Every route that is not `public` (signing in) needs a caller who has signed in and has the route's
 * permission, the OpenAPI document too.
 */
export const routes = {
  ...serverRoutes,
  ...overviewRoutes,
  ...healthRoutes,
  ...computerRoutes,
  ...groupRoutes,
  ...repositoryRoutes,
  ...recoveryTokenRoutes,
  ...maintenanceRoutes,
  ...readingRoutes,
  ...recoveryRoutes,
  ...drillRoutes,
  ...ransomwareRoutes,
  ...jobRoutes,
  ...policyRoutes,
  ...runRoutes,
  ...runLogRoutes,
  ...sessionRoutes,
  ...portRoutes,
  ...networkRoutes,
  ...bandwidthRuleRoutes,
  ...accountRoutes,
  ...browserRoutes,
  ...userRoutes,
  ...oauthClientRoutes,
  ...serviceAccountRoutes,
  ...identityProviderRoutes,
  ...notificationRoutes,
  ...auditExportRoutes,
  ...supportRoutes,
} as const;
export type Routes = typeof routes;
