"""Figures: what came back must draw the same pixels."""

from __future__ import annotations

from compat.case import Case, Family

PIXELS = """
import io, numpy as np, matplotlib, matplotlib.pyplot as plt, matplotlib.dates, matplotlib.patches, matplotlib.lines
import matplotlib.offsetbox, matplotlib.ticker, matplotlib.colors, matplotlib.gridspec, matplotlib.animation
import mpl_toolkits.mplot3d.art3d
def pixels(figure):
    file = io.BytesIO()
    figure.savefig(file, format='rgba', dpi=50)
    return np.frombuffer(file.getvalue(), 'u1')
plt.ioff()
"""

FIGURE = "fig, ax = plt.subplots(figsize=(2, 2), dpi=50)\nplt.close(fig)\n"

MATPLOTLIB = (
    Case(
        "matplotlib.axes.Axes",
        FIGURE + "ax.plot([1, 3, 2])\nx = ax",
        "x.plot([3, 1, 2]); x.set_title('t')",
        "pixels(x.figure)",
        ("4", "5"),
    ),
    Case(
        "matplotlib.colors.ListedColormap",
        "x = matplotlib.colors.ListedColormap(['r', 'g', 'b'])",
        "x.set_bad('k'); x.name = 'n'",
        "x([0.1, 0.5, float('nan')])",
        ("101",),
    ),
    Case(
        "matplotlib.colors.BoundaryNorm",
        "x = matplotlib.colors.BoundaryNorm([0, 1, 3], 2)",
        "x.clip = True",
        "x([0.5, 2, 9])",
        ("102",),
    ),
    Case(
        "matplotlib.dates.WeekdayLocator",
        "x = matplotlib.dates.WeekdayLocator(byweekday=0)",
        "x = matplotlib.dates.WeekdayLocator(byweekday=2)",
        "x.tick_values(matplotlib.dates.num2date(19000), matplotlib.dates.num2date(19030))",
        ("103",),
    ),
    Case(
        "matplotlib.dates.AutoDateFormatter",
        "x = matplotlib.dates.AutoDateFormatter(matplotlib.dates.AutoDateLocator())",
        "x.scaled[1.0] = '%d'",
        "x(19000.0)",
        ("104",),
    ),
    Case(
        "matplotlib.lines.Line2D",
        FIGURE + "x, = ax.plot([1, 2, 3])",
        "x.set_ydata([3, 2, 1]); x.set_color('r')",
        "pixels(x.figure)",
        ("105",),
    ),
    Case(
        "matplotlib.patches.Ellipse",
        FIGURE + "x = ax.add_patch(matplotlib.patches.Ellipse((0.5, 0.5), 0.3, 0.6))",
        "x.angle = 45; x.set_facecolor('g')",
        "pixels(x.figure)",
        ("106",),
    ),
    Case(
        "matplotlib.patches.FancyArrowPatch",
        FIGURE + "x = ax.add_patch(matplotlib.patches.FancyArrowPatch((0, 0), (1, 1)))",
        "x.set_arrowstyle('->', head_length=4)",
        "pixels(x.figure)",
        ("107",),
    ),
    Case(
        "matplotlib.image.AxesImage",
        FIGURE + "x = ax.imshow(np.arange(9).reshape(3, 3))",
        "x.set_data(np.eye(3)); x.set_clim(0, 1)",
        "pixels(x.figure)",
        ("108",),
    ),
    Case(
        "matplotlib.image.FigureImage",
        FIGURE + "x = fig.figimage(np.arange(900.0).reshape(30, 30))",
        "x.set_clim(0, 100)",
        "pixels(x.figure)",
        ("109",),
    ),
    Case(
        "matplotlib.offsetbox.AnchoredOffsetbox",
        FIGURE
        + "x = matplotlib.offsetbox.AnchoredOffsetbox('upper left', child=matplotlib.offsetbox.TextArea('a'))\nax.add_artist(x)",
        "x.get_child().set_text('bc')",
        "pixels(x.figure)",
        ("110",),
    ),
    Case(
        "matplotlib.ticker.AutoLocator",
        "x = matplotlib.ticker.AutoLocator()",
        "x.set_params(nbins=3)",
        "x.tick_values(0, 10)",
        ("111",),
    ),
    Case(
        "mpl_toolkits.mplot3d.art3d.Line3DCollection",
        "fig = plt.figure(figsize=(2, 2), dpi=50); plt.close(fig)\nax = fig.add_subplot(projection='3d')\n"
        "x = mpl_toolkits.mplot3d.art3d.Line3DCollection([[(0, 0, 0), (1, 1, 1)]])\nax.add_collection3d(x)",
        "x.set_color('r'); x.set_segments([[(0, 1, 0), (1, 0, 1)]])",
        "pixels(x.figure)",
        ("146",),
    ),
    Case(
        "matplotlib.figure.Figure",
        FIGURE + "ax.scatter([1, 2], [3, 1], c=[0.1, 0.9])\nx = fig",
        "x.suptitle('s'); x.axes[0].invert_yaxis()",
        "pixels(x)",
    ),
    Case(
        "matplotlib.container.BarContainer",
        FIGURE + "x = ax.bar([1, 2], [3, 4])",
        "x[0].set_height(1); x[1].set_hatch('/')",
        "pixels(x[0].figure)",
    ),
    Case(
        "matplotlib.colorbar.Colorbar",
        FIGURE + "x = fig.colorbar(ax.imshow(np.eye(3)))",
        "x.set_label('c'); x.set_ticks([0, 1])",
        "pixels(x.ax.figure)",
    ),
    Case(
        "matplotlib.legend.Legend",
        FIGURE + "ax.plot([1, 2], label='a')\nx = ax.legend()",
        "x.set_title('t'); x.get_texts()[0].set_text('b')",
        "pixels(x.figure)",
    ),
    Case(
        "matplotlib.gridspec.GridSpec",
        "fig = plt.figure(figsize=(2, 2), dpi=50); plt.close(fig)\nx = fig.add_gridspec(2, 2)\nfig.add_subplot(x[0, :])",
        "x.update(wspace=0.5); fig.add_subplot(x[1, 1])",
        "pixels(x.figure)",
    ),
    Case(
        "matplotlib.transforms.Affine2D",
        "x = matplotlib.transforms.Affine2D().rotate_deg(30)",
        "x.translate(1, 2)",
        "x.transform([(1.0, 2.0)])",
    ),
    Case(
        "matplotlib.path.Path",
        "x = matplotlib.path.Path([(0, 0), (1, 1), (1, 0)])",
        "x.vertices[0] = (5, 5)",
        "x.contains_point((1.5, 1.5))",
    ),
    Case(
        "matplotlib.animation.FuncAnimation",
        FIGURE + "line, = ax.plot([1, 2, 3])\ndef move(i):\n    line.set_ydata([i, 2, 3])\n    return [line]\n"
        "x = matplotlib.animation.FuncAnimation(fig, move, frames=3)",
        "line.set_color('r')",
        "x._func(2); pixels(fig)",
    ),
    Case(
        "matplotlib.contour.QuadContourSet",
        FIGURE + "x = ax.contourf(np.arange(9.0).reshape(3, 3))",
        "x.set_alpha(0.5)",
        "pixels(x.axes.figure)",
    ),
)

PYPLOT = (
    Case(
        "matplotlib.figure.Figure (open in pyplot)",
        "x = plt.figure(figsize=(2, 2), dpi=50)\nplt.plot([1, 2])",
        "plt.plot([2, 1])",
        "pixels(x)",
    ),
)

SEABORN = (
    Case(
        "seaborn (Axes)",
        "plt.figure(figsize=(2, 2), dpi=50)\nx = sns.lineplot(x=[1, 2, 3], y=[3, 1, 2])\nplt.close()",
        "x.set_xlabel('q')",
        "pixels(x.figure)",
        ("71",),
    ),
    Case(
        "seaborn.FacetGrid",
        "df = pd.DataFrame({'a': [1, 2, 3, 4], 'b': [2, 1, 4, 3], 'c': list('uuvv')})\n"
        "x = sns.FacetGrid(df, col='c', height=1)\nx.map(plt.plot, 'a', 'b')\nplt.close(x.figure)",
        "x.set_titles('{col_name}'); x.data.loc[0, 'b'] = 7",
        "pixels(x.figure)",
    ),
    Case(
        "seaborn.objects.Plot",
        "x = so.Plot({'a': [1, 2], 'b': [2, 1]}, x='a', y='b').add(so.Line())",
        "x = x.label(x='q')",
        "pixels(x.layout(size=(2, 2)).plot()._figure).shape",
    ),
)

PLOTLY = (
    Case(
        "plotly.express",
        "x = px.scatter(x=[1, 2], y=[3, 4])",
        "x.update_layout(title='t'); x.data[0].y = (5, 6)",
        "x.to_json()",
        ("85",),
    ),
    Case(
        "plotly.graph_objects.Figure",
        "x = go.Figure(go.Bar(y=[1, 2]))",
        "x.add_trace(go.Scatter(y=[3, 4])); x.data[0].marker.color = 'red'",
        "x.to_json()",
        ("86", "88"),
    ),
    Case(
        "plotly.figure_factory",
        "x = ff.create_quiver([0, 1], [0, 1], [1, 1], [1, 0])",
        "x.update_traces(line_color='red')",
        "x.to_json()",
        ("87",),
    ),
    Case(
        "plotly.io",
        "x = pio.to_json(go.Figure(go.Bar(y=[1])))",
        "x = x.replace('[1]', '[2]')",
        "json.loads(x)['data']",
        ("89",),
    ),
    Case(
        "plotly.offline",
        "x = plotly.offline.plot(go.Figure(go.Bar(y=[1])), output_type='div', include_plotlyjs=False)",
        "x = x + '<p>'",
        "x[-3:]",
        ("90",),
    ),
    Case(
        "plotly.subplots",
        "x = plotly.subplots.make_subplots(2, 1)\nx.add_bar(y=[1], row=1, col=1)",
        "x.add_bar(y=[2], row=2, col=1)",
        "x.to_json()",
        ("91",),
    ),
    Case(
        "plotly.graph_objects.FigureWidget",
        "x = go.FigureWidget(go.Bar(y=[1, 2]))",
        "x.data[0].y = (5, 6)",
        "x.to_json()",
        dist="plotly",
    ),
    Case(
        "plotly.graph_objects.Figure (arrays, a trace beside it)",
        "x = go.Figure(go.Scatter(y=np.arange(3.0)))\ntrace = x.data[0]",
        "trace.y = np.arange(4.0) * 2",
        "(x.data[0] is trace, type(x.data[0].y), x.data[0].y.sum(), x.to_json())",
    ),
    Case("plotly.graph_objects.Scatter", "x = go.Scatter(y=[1, 2])", "x.line.width = 5", "x.to_plotly_json()"),
)

BOKEH = (
    Case(
        "bokeh.plotting.figure",
        "x = bp.figure(width=100)\nx.line([1, 2], [3, 4])",
        "x.title.text = 't'; x.scatter([1], [2])",
        "(x.title.text, [(type(r.glyph).__name__, {k: list(v) for k, v in r.data_source.data.items()}) for r in x.renderers], len(bokeh.embed.file_html(x, 'inline')) > 1000)",
        ("132",),
    ),
    Case(
        "bokeh.models.GlyphRenderer",
        "p = bp.figure(width=100)\nx = p.line([1, 2], [3, 4])",
        "x.glyph.line_color = 'red'; x.data_source.data['y'] = [7, 8]; x.visible = False",
        "q = p.scatter([1], [2]); (x.glyph.line_color, x.data_source.data['y'], x.visible, p.renderers[0] is x, len({m.id for m in p.references()}) == len(p.references()))",
        ("133",),
    ),
    Case(
        "bokeh.models.ColumnDataSource", "x = bm.ColumnDataSource({'a': [1, 2]})", "x.stream({'a': [3]})", "x.to_df()"
    ),
    Case(
        "bokeh.models.Slider",
        "x = bm.Slider(start=0, end=10, value=1)\nhits = []\nx.on_change('value', lambda attr, old, new: hits.append(new))",
        "x.value = 3",
        "x.value = 7; (x.value, hits)",
    ),
)

ALTAIR = (
    Case(
        "altair.Chart",
        "x = alt.Chart(pd.DataFrame({'a': [1, 2], 'b': [3, 4]})).mark_bar().encode(x='a', y='b')",
        "x = x.properties(title='t')",
        "x.to_dict()",
    ),
    Case(
        "altair.LayerChart",
        "x = alt.layer(alt.Chart(alt.Data(values=[{'a': 1}])).mark_point().encode(x='a:Q'))",
        "x.title = 'q'",
        "x.to_dict()",
    ),
)

WIDGETS = (
    Case(
        "ipywidgets.IntSlider",
        "x = w.IntSlider(value=3)",
        "x.value = 7; x.description = 'd'",
        "(x.value, x.description, x.layout.width, x.max)",
        ("10",),
    ),
    Case(
        "ipywidgets.VBox",
        "x = w.VBox([w.Text('a'), w.Checkbox(True)])",
        "x.children[0].value = 'b'; x.children += (w.Label('l'),)",
        "[(type(c).__name__, c.value) for c in x.children]",
    ),
    Case(
        "ipywidgets.interactive",
        "x = w.interactive(lambda a: a * 2, a=(0, 10))",
        "x.children[0].value = 8",
        "x.kwargs, x.f(4)",
    ),
    Case("ipywidgets.Output", "x = w.Output()", "x.append_stdout('hello')", "x.outputs"),
    Case(
        "ipywidgets.IntSlider (observed)",
        "x = w.IntSlider(value=3)\nhits = []\nx.observe(lambda change: hits.append(change['new']), 'value')",
        "x.value = 7",
        "x.value = 9; (x.value, hits)",
    ),
    Case(
        "anywidget.AnyWidget",
        "class Counter(anywidget.AnyWidget):\n    _esm = 'export default {}'\n    value = traitlets.Int(0).tag(sync=True)\nx = Counter()",
        "x.value = 5",
        "x.value + 1",
        dist="anywidget",
    ),
)

FAMILIES = (
    Family("matplotlib", "matplotlib", PIXELS, MATPLOTLIB),
    Family("pyplot", "matplotlib", PIXELS + "plt.switch_backend('agg')\n", PYPLOT),
    Family("seaborn", "seaborn", PIXELS + "import pandas as pd, seaborn as sns, seaborn.objects as so\n", SEABORN),
    Family(
        "plotly",
        "plotly",
        "import json, numpy as np, plotly, plotly.express as px, plotly.graph_objects as go, plotly.io as pio, plotly.figure_factory as ff, plotly.offline, plotly.subplots",
        PLOTLY,
    ),
    Family("bokeh", "bokeh", "import bokeh.embed, bokeh.models as bm, bokeh.plotting as bp", BOKEH),
    Family("altair", "altair", "import altair as alt, pandas as pd", ALTAIR),
    Family("ipywidgets", "ipywidgets", "import ipywidgets as w, anywidget, traitlets", WIDGETS),
)
