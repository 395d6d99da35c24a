import { formatRange } from '../wording.ts';
import { type HostFirewall, hostRenderer } from './host-renderer.ts';
import { ruleComment } from './safe-text.ts';
import { formatYaml } from './yaml-text.ts';

const commentCharacters = 200;

/**
 * Variables of each host, for `host_vars`: a role of the administrator's applies them by whatever module fits the host. No
 * text in them holds a brace, so that Ansible finds no template to evaluate.
 */
export const ansible = hostRenderer({
  id: 'ansible',
  title: 'Ansible variables',
  verifiedBy: 'ansible-inventory, which reads them as host_vars, and a YAML parser',
  extension: 'yml',
  apply(firewall: HostFirewall) {
    const { heading, openings, drop } = firewall;
    return formatYaml([heading], {
      holdfast_firewall: {
        state: 'present',
        otherwise: drop ? 'drop' : 'leave',
        rules: openings.map(({ flow, direction, transport, ports, peers }) => ({
          direction,
          protocol: transport,
          ports: ports.map(formatRange),
          peers: peers.any ? ['0.0.0.0/0', '::/0'] : [...peers.ipv4, ...peers.ipv6],
          comment: ruleComment(flow, commentCharacters),
        })),
      },
    });
  },
  remove: ({ heading }) => formatYaml([heading], { holdfast_firewall: { state: 'absent', rules: [] } }),
});
