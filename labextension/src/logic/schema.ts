/** The settings in the language of the page. */

/** What of the translation bundle is needed: a sentence that is told apart from its equals by a context. */
export interface IByContext {
  pgettext(context: string, text: string): string;
}

interface IDescribed {
  title?: string;
  description?: string;
  properties?: { [name: string]: IDescribed };
}

/**
 * Translate titles and explanations of *schema*, in its place.
 *
 * The server does that when it is asked for one plugin, but not in the list of all, of which JupyterLab makes its editor
 * of settings. Asking for one after that list makes JupyterLab think that the user has changed menus.
 */
export function translateSchema(schema: IDescribed, bundle: IByContext): void {
  describe(schema, bundle, 'schema');
  for (const property of Object.values(schema.properties ?? {})) {
    describe(property, bundle, 'settings');
  }
}

function describe(part: IDescribed, bundle: IByContext, context: string): void {
  for (const key of ['title', 'description'] as const) {
    const text = part[key];
    if (text !== undefined) {
      part[key] = bundle.pgettext(context, text);
    }
  }
}
