export { FirewallLeases } from './firewall-leases.ts';
