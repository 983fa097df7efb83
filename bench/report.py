"""The results as a Markdown document, as JSON and as a plot."""

import json
from statistics import median

import matplotlib
from matplotlib import pyplot
from services import RESULTS, SERVICES

# --- What is asked ---


def ratio(ours, theirs, key):
    """Return the ratio of the medians, and the least and the greatest ratio of a round."""
    rounds = [a[key] / b[key] for a, b in zip(ours, theirs, strict=True)]
    return median(a[key] for a in ours) / median(b[key] for b in theirs), min(rounds), max(rounds)


def against(peer, key):
    return lambda results: ratio(results["throughput"]["datapost"], results["throughput"][peer], key)


def full_against_empty(results):
    empty, full = results["growth"].values()
    return ratio(full, empty, "per_second")


def memory(results):
    return (results["footprint"]["memory"]["20000"]["rss_mb"],)


def memory_growth(results):
    memory = results["footprint"]["memory"]
    return (memory["20000"]["rss_mb"] / memory["5000"]["rss_mb"],)


def start(results):
    ours, theirs = ([{"ms": ms} for ms in times] for times in results["footprint"]["started_ms"].values())
    return ratio(ours, theirs, "ms")


def upkeep(key):
    return lambda results: (results["upkeep"][key],)


FLASK, FASTAPI = "Flask that only reads the form", "FastAPI + pydantic + sqlite3"

# Part, what is measured, the least or the greatest figure that will do, and how it is had from the results.
ASKED = [
    ("throughput", f"requests per second, against {FLASK}", ">=", 0.35, against("flask", "per_second")),
    ("throughput", f"requests per second, against {FASTAPI}", ">=", 1.0, against("fastapi", "per_second")),
    ("throughput", f"p99, against {FASTAPI}", "<=", 0.25, against("fastapi", "p99_ms")),
    ("growth", "requests per second with the full store, against the empty one", ">=", 0.85, full_against_empty),
    ("upkeep", "bytes a lead in the file", "<=", 1900, upkeep("bytes a lead")),
    ("upkeep", "ms of the dashboard's first page, of a million leads", "<=", 300, upkeep("first page ms")),
    ("footprint", "MB of two workers together after 20,000 leads (RSS)", "<=", 220, memory),
    ("footprint", "memory after 20,000 leads, against that after 5,000", "<=", 1.03, memory_growth),
    ("footprint", "time to the first answer, against Flask", "<=", 3.0, start),
]


def asked(results):
    rows = []
    for part, what, sign, wanted, measure in ASKED:
        if part in results:
            figure, *spread = measure(results)
            reached = figure >= wanted if sign == ">=" else figure <= wanted
            span = " to ".join(f"{value:.3g}" for value in spread) or "one run"
            rows.append([what, f"{sign} {wanted}", f"{figure:.4g}", span, "yes" if reached else "**no**"])
    return table(["what", "asked", "measured", "in single rounds", "reached"], rows)


# --- The tables ---


def table(head, rows):
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


FIGURES = {
    "requests/s": ("per_second", ".0f"),
    "p50 ms": ("p50_ms", ".1f"),
    "p99 ms": ("p99_ms", ".1f"),
    "max ms": ("max_ms", ".0f"),
    "CPU µs of the service": ("service_cpu_us", ".0f"),
    "CPU µs of the load": ("client_cpu_us", ".0f"),
    "first answer after ms": ("started_ms", ".0f"),
    "fixed loop ms": ("loop_ms", ".0f"),
}


def rounds_table(rounds):
    rows = []
    for name, figures in rounds.items():
        cells = []
        for key, form in FIGURES.values():
            values = sorted(each[key] for each in figures)
            cells.append(f"{median(values):{form}} ({values[0]:{form}} to {values[-1]:{form}})")
        rows.append([SERVICES[name].title if name in SERVICES else name, *cells])
    return table(["median (least to greatest) of the rounds", *FIGURES], rows)


def footprint_tables(footprint):
    memories = [[f"{int(n):,}", f"{m['rss_mb']:.1f}", f"{m['pss_mb']:.1f}"] for n, m in footprint["memory"].items()]
    starts = [
        [SERVICES[name].title, f"{median(times):.0f}", f"{min(times):.0f} to {max(times):.0f}"]
        for name, times in footprint["started_ms"].items()
    ]
    return "\n".join(
        [
            table(["two workers together, after leads", "RSS in MB", "PSS in MB"], memories),
            table(["first answer of", "median ms", "in single starts"], starts),
        ]
    )


def profile_tables(profile):
    whole, total = profile["steps"]["request"]["us"], sum(profile["modules"].values())
    steps = [[n, f"{s['us']:.0f}", f"{s['cpu_us']:.0f}", f"{s['us'] / whole:.0%}"] for n, s in profile["steps"].items()]
    modules = [[n, f"{us:.0f}", f"{us / total:.0%}"] for n, us in list(profile["modules"].items())[:15]]
    functions = [[f"`{f['function']}`", f"{f['calls']:.0f}", f"{f['us']:.0f}"] for f in profile["functions"]]
    return "\n".join(
        [
            table(["step", "median µs", "of it CPU", "share"], steps),
            "Under cProfile, which makes small functions look dearer than they are:\n",
            table(["module, without what it calls", "µs", "share"], modules),
            table(["function, without what it calls", "calls", "µs"], functions),
        ]
    )


def upkeep_tables(upkeep):
    took = [[what, *(f"{seconds:.1f}" for seconds in both)] for what, both in upkeep["seconds"].items()]
    pages = [[f"`/dashboard{page}`", f"{ms:.0f}"] for page, ms in upkeep["pages ms"].items()]
    return "\n".join([table(["of the full store", "seconds", "of it CPU"], took), table(["page", "median ms"], pages)])


# The parts in the order of reading, each with its title and its table.
SECTIONS = {
    "throughput": ("Throughput and latency", rounds_table),
    "growth": ("Growth", rounds_table),
    "upkeep": ("Upkeep", upkeep_tables),
    "postgresql": ("PostgreSQL on the same processors", rounds_table),
    "footprint": ("Footprint", footprint_tables),
    "profile": ("Where the time goes", profile_tables),
    "judge": ("The judgement alone", lambda lines: "".join(f"    {line}\n" for line in lines)),
}


def document(results):
    machine, options = results["machine"], results["options"]
    sections = [f"## {title}\n\n{show(results[name])}" for name, (title, show) in SECTIONS.items() if name in results]
    return "\n".join(
        [
            "# Results\n",
            f"{machine['at']}, {machine['processors']} processors, Python {machine['python']}; writing a page to the "
            f"disk takes {machine['fdatasync_ms']:.2f} ms. {options['rounds']} rounds of {options['seconds']:g} "
            f"seconds, {options['connections']} connections.\n",
            asked(results),
            *sections,
        ]
    )


# --- The plot ---


def bars(axes, title, rounds, key):
    """Draw the median of each contestant as a bar, and its rounds as dots."""
    axes.set_title(title)
    for place, figures in enumerate(rounds.values()):
        values = [each[key] for each in figures]
        axes.barh(place, median(values), color=f"C{place}", alpha=0.5)
        axes.annotate(f"{median(values):.0f}", (max(values), place), (8, 0), textcoords="offset points", va="center")
        axes.plot(values, [place] * len(values), "o", color=f"C{place}", markersize=4)
    axes.set_yticks(range(len(rounds)), [SERVICES[name].title if name in SERVICES else name for name in rounds])
    axes.invert_yaxis()
    axes.margins(x=0.12)


def plot(results, path):
    matplotlib.use("agg")
    figure, axes = pyplot.subplots(2, 2, figsize=(14, 6), layout="constrained")
    bars(axes[0][0], "Requests per second", results["throughput"], "per_second")
    bars(axes[0][1], "p99 in milliseconds", results["throughput"], "p99_ms")
    bars(axes[1][0], "Requests per second as the store grows", results["growth"], "per_second")
    steps = {name: [each] for name, each in results["profile"]["steps"].items() if name != "request"}
    bars(axes[1][1], "Where the time of a request goes, in microseconds", steps, "us")
    figure.savefig(path, dpi=110)


def write(results):
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.md").write_text(document(results) + "\n![the same as a plot](results.png)\n", encoding="utf-8")
    (RESULTS / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    plot(results, RESULTS / "results.png")
