/** Name and label rules of Kubernetes (RFC 1123). Each check answers what is wrong, or undefined where nothing is. */

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

export const MAX_LABEL_LENGTH = 63;
export const MAX_SUBDOMAIN_LENGTH = 253;

/** A DNS-1123 label, `acme-store`: namespaces. */
export function dnsLabelProblem(value: string): string | undefined {
  if (value.length > MAX_LABEL_LENGTH) {
    return `must be no more than ${MAX_LABEL_LENGTH} characters, found ${value.length}`;
  }
  if (LABEL.test(value)) return undefined;
  return `must consist of lower case letters, digits and "-", and start and end with a letter or digit`;
}

/** A DNS-1123 subdomain, `macbook-pro.v2`: names of objects. */
export function dnsSubdomainProblem(value: string): string | undefined {
  if (value.length > MAX_SUBDOMAIN_LENGTH) {
    return `must be no more than ${MAX_SUBDOMAIN_LENGTH} characters, found ${value.length}`;
  }
  if (SUBDOMAIN.test(value)) return undefined;
  return `must consist of lower case letters, digits, "-" and ".", and start and end with a letter or digit`;
}

/** A label or annotation key, `gitstore.dev/brand` or `brand`. */
export function labelKeyProblem(key: string): string | undefined {
  const slash = key.indexOf("/");
  if (slash !== key.lastIndexOf("/")) return `must have at most one "/", between a DNS prefix and a name`;
  if (slash >= 0) {
    const prefix = key.slice(0, slash);
    if (prefix === "") return `must have a DNS prefix before the "/"`;
    const problem = dnsSubdomainProblem(prefix);
    if (problem !== undefined) return `prefix ${problem}`;
  }
  const name = key.slice(slash + 1);
  if (name === "") return "must have a name part";
  if (name.length > MAX_LABEL_LENGTH) {
    return `name part must be no more than ${MAX_LABEL_LENGTH} characters, found ${name.length}`;
  }
  if (QUALIFIED.test(name)) return undefined;
  return `name part must consist of letters, digits, "-", "_" and ".", and start and end with a letter or digit`;
}

/** A label value; the empty one is valid. */
export function labelValueProblem(value: string): string | undefined {
  if (value === "") return undefined;
  if (value.length > MAX_LABEL_LENGTH) {
    return `must be no more than ${MAX_LABEL_LENGTH} characters, found ${value.length}`;
  }
  if (QUALIFIED.test(value)) return undefined;
  return `must be empty or consist of letters, digits, "-", "_" and ".", and start and end with a letter or digit`;
}
