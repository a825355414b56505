/** JSON paths of fields: `spec.options[1].name`, `metadata.labels["gitstore.dev/brand"]`. */

export type Segment = string | number;
export type FieldPath = readonly Segment[];

const PLAIN_KEY = /^[A-Za-z_$][\w$-]*$/;

export function formatField(path: FieldPath): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else if (PLAIN_KEY.test(segment)) text += text === "" ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

const STEP = /\.?([A-Za-z_$][\w$-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** The reverse of {@link formatField}. Text that is no path gives the segments up to where it stops being one. */
export function parseField(field: string): Segment[] {
  const path: Segment[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < field.length) {
    const step = STEP.exec(field);
    if (step === null) break;
    if (step[1] !== undefined) path.push(step[1]);
    else if (step[2] !== undefined) path.push(Number(step[2]));
    else if (step[3] !== undefined) path.push(JSON.parse(step[3]) as string);
  }
  return path;
}
