/**
 * Replaces `${NAME}` by environment variables; `$${` stands for a literal `${`.
 * @returns the text, and what is wrong where a variable is not set or the braces hold no name; values of variables are
 *          never part of that
 */
export function substitute(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly text: string; readonly problem?: string } {
  let problem: string | undefined;
  const replaced = text.replace(/\$\$\{|\$\{([^}]*)\}?/g, (whole, name: string | undefined) => {
    if (name === undefined) return '${';
    if (!/^[A-Za-z_]\w*$/.test(name) || !whole.endsWith('}')) {
      problem ??= `"${whole.slice(0, 40)}" is not an environment variable; write \${NAME}, or $\${ for the characters themselves`;
      return whole;
    }
    const value = env[name];
    if (value === undefined) problem ??= `the environment variable ${name} is not set; set it, or write the value here`;
    return value ?? '';
  });
  return problem === undefined ? { text: replaced } : { text: replaced, problem };
}
