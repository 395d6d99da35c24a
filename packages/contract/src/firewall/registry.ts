import { ansible } from './ansible.ts';
import { kubernetes } from './cloud/kubernetes.ts';
import { terraformAws } from './cloud/terraform-aws.ts';
import { terraformAzure } from './cloud/terraform-azure.ts';
import { terraformGoogle } from './cloud/terraform-google.ts';
import { changeRequestCsv } from './documents/csv.ts';
import { changeRequestHtml } from './documents/html.ts';
import { changeRequestMarkdown } from './documents/markdown.ts';
import { diagramMermaid } from './documents/mermaid.ts';
import { diagramSvg } from './documents/svg.ts';
import { changeRequestXlsx } from './documents/xlsx.ts';
import { firewalld } from './firewalld.ts';
import { iptables } from './iptables.ts';
import { ciscoIos } from './network/cisco-ios.ts';
import { paloAlto } from './network/palo-alto.ts';
import { nftables } from './nftables.ts';
import { pf } from './pf.ts';
import type { Renderer } from './renderer.ts';
import { ufw } from './ufw.ts';
import { windowsFirewall } from './windows-firewall.ts';

/** Every target that a plan can be rendered for, in the order in which lists show them: hosts, networks, people. */
export const renderers: readonly Renderer[] = [
  nftables,
  iptables,
  ufw,
  firewalld,
  windowsFirewall,
  pf,
  ansible,
  ciscoIos,
  paloAlto,
  terraformAws,
  terraformAzure,
  terraformGoogle,
  kubernetes,
  changeRequestMarkdown,
  changeRequestHtml,
  changeRequestCsv,
  changeRequestXlsx,
  diagramMermaid,
  diagramSvg,
];

/** The renderer of that id, as `--format` takes it. */
export function findRenderer(id: string): Renderer | undefined {
  return renderers.find((renderer) => renderer.id === id);
}
