"""The results as a Markdown document, as JSON and as a plot."""

import json
from statistics import median

import matplotlib
from matplotlib import pyplot
from services import RESULTS, SERVICES

# --- What is asked ---


def ratio(ours, theirs, key):
    """Return the ratio of the medians, and the least and the greatest ratio of a round.

    Rounds in which the connections of either were not spread are left out; where all are, there is nothing to return.
    """
    rounds = [(a[key], b[key]) for a, b in zip(ours, theirs, strict=True) if counts(a) and counts(b)]
    if not rounds:
        return ()
    single = [a / b for a, b in rounds]
    return median(a for a, _ in rounds) / median(b for _, b in rounds), min(single), max(single)


def counts(figures):
    return figures.get("even", True)


def against(peer, key, ours="datapost"):
    return lambda results: ratio(results["throughput"][ours], results["throughput"][peer], key)


def against_before(key, kind="rounds"):
    return lambda results: ratio(results["before"][kind]["datapost"], results["before"][kind]["before"], key)


def while_it_hangs(key):
    """Compare leads for a destination that hangs, so that none is sent, with leads that go nowhere."""
    return lambda results: ratio(results["delivery"]["delivery hangs"], results["delivery"]["datapost"], key)


def full_against_empty(results):
    empty, full = results["growth"].values()
    return ratio(full, empty, "per_second")


def by_leads(of_a_million, of_more):
    """Return what is asked of a store of a million leads, and of a larger one."""
    return lambda results: of_a_million if results["options"]["leads"] <= 1_000_000 else of_more


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
BY_JSON = "the same, both by JSON"
by_json = {"peer": "fastapi_json", "ours": "datapost_json"}

# Part, what is measured, the least or the greatest figure that will do, and how it is had from the results. "No worse"
# than an earlier version allows what two runs of one version may differ by.
ASKED = [
    ("throughput", f"requests per second, against {FLASK}", ">=", 0.30, against("flask", "per_second")),
    ("throughput", f"requests per second, against {FASTAPI}", ">=", 1.0, against("fastapi", "per_second")),
    ("throughput", BY_JSON, ">=", 0.75, against(key="per_second", **by_json)),
    ("throughput", f"p99, against {FASTAPI}", "<=", 0.25, against("fastapi", "p99_ms")),
    ("throughput", BY_JSON, "<=", 0.25, against(key="p99_ms", **by_json)),
    ("before", "CPU time of a lead, against an earlier version", "<=", 0.75, against_before("service_cpu_us")),
    ("before", "time of the judgement alone, against it", "<=", 1.05, against_before("us", "judged")),
    ("before", "memory (RSS), against it", "<=", 1.05, against_before("rss_mb")),
    ("before", "time to the first answer, against it", "<=", 1.05, against_before("started_ms")),
    (
        "growth",
        "requests per second with the full store, against the empty one",
        ">=",
        by_leads(0.85, 0.80),
        full_against_empty,
    ),
    ("upkeep", "bytes a lead in the file", "<=", 1900, upkeep("bytes a lead")),
    ("upkeep", "ms of the dashboard's first page", "<=", by_leads(300, 600), upkeep("first page ms")),
    ("delivery", "CPU time of a lead with a destination, against none", "<=", 1.05, while_it_hangs("service_cpu_us")),
    ("delivery", "p99 while that destination hangs, against none", "<=", 1.10, while_it_hangs("p99_ms")),
    ("footprint", "MB of two workers together after 20,000 leads (RSS)", "<=", 220, memory),
    ("footprint", "memory after 20,000 leads, against that after 5,000", "<=", 1.03, memory_growth),
    ("footprint", "time to the first answer, against Flask", "<=", 3.0, start),
]


def asked(results):
    rows = []
    for part, what, sign, wanted, measure in ASKED:
        if part in results:
            wanted = wanted(results) if callable(wanted) else wanted
            match measure(results):
                case ():
                    rows.append([what, f"{sign} {wanted}", "", "none was even", "**unknown**"])
                case figure, *single:
                    reached = figure >= wanted if sign == ">=" else figure <= wanted
                    span = " to ".join(f"{value:.3g}" for value in single) or "one run"
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
    "RSS in MB": ("rss_mb", ".0f"),
    "first answer after ms": ("started_ms", ".0f"),
    "fixed loop ms": ("loop_ms", ".0f"),
}


def title(name):
    return SERVICES[name].title if name in SERVICES else name


def spread(figures):
    """Return how many connections each process had, as text, and how often they were opened until they were spread."""
    counts = " + ".join(map(str, sorted(figures["spread"], reverse=True)))
    return f"{counts} (opened {figures['tries']} times)" if figures["tries"] > 1 else counts


def rounds_table(rounds, more=()):
    """Show the medians of the even rounds, and how the connections were spread in each."""
    columns, rows = FIGURES | dict(more), []
    for name, figures in rounds.items():
        cells = []
        counted = [each for each in figures if counts(each)] or figures
        for key, form in columns.values():
            values = sorted(each[key] for each in counted)
            cells.append(f"{median(values):{form}} ({values[0]:{form}} to {values[-1]:{form}})")
        rows.append([title(name), *cells])
    medians = table(["median (least to greatest) of the even rounds", *columns], rows)
    spreads = [
        [title(name), *(spread(each) if counts(each) else f"**{spread(each)}**" for each in figures)]
        for name, figures in rounds.items()
    ]
    numbers = map(str, range(1, len(spreads[0])))
    return f"{medians}\n{table(['connections of each process in round', *numbers], spreads)}"


def before_tables(before):
    judged = [[title(name), f"{median(each['us'] for each in turns):.0f}"] for name, turns in before["judged"].items()]
    return f"{rounds_table(before['rounds'])}\n{table(['the judgement alone', 'median µs'], judged)}"


def postgresql_tables(postgresql):
    rounds = postgresql["rounds"]
    kinds = dict.fromkeys(kind for figures in rounds.values() for each in figures for kind in each["backends"])
    shares = {
        name: [sum(each["backends"].get(kind, 0) for each in figures) for kind in kinds]
        for name, figures in rounds.items()
    }
    kinds = {kind: [shares[name][n] / sum(shares[name]) for name in rounds] for n, kind in enumerate(kinds)}
    top = sorted(kinds.items(), key=lambda row: -sum(row[1]))[:12]
    waits = [[kind, *(f"{share:.0%}" for share in of_each)] for kind, of_each in top]
    return "\n".join(
        [
            rounds_table(rounds, {"CPU µs of PostgreSQL": ("server_cpu_us", ".0f")}),
            table(["what PostgreSQL's connections do", *map(title, rounds)], waits),
            steps_table(postgresql["steps"]),
        ]
    )


def footprint_tables(footprint):
    memories = [[f"{int(n):,}", f"{m['rss_mb']:.1f}", f"{m['pss_mb']:.1f}"] for n, m in footprint["memory"].items()]
    starts = [
        [title(name), f"{median(times):.0f}", f"{min(times):.0f} to {max(times):.0f}"]
        for name, times in footprint["started_ms"].items()
    ]
    return "\n".join(
        [
            table(["two workers together, after leads", "RSS in MB", "PSS in MB"], memories),
            table(["first answer of", "median ms", "in single starts"], starts),
        ]
    )


def steps_table(steps):
    whole = steps["request"]["us"]
    rows = [[n, f"{s['us']:.0f}", f"{s['cpu_us']:.0f}", f"{s['us'] / whole:.0%}"] for n, s in steps.items()]
    return table(["step", "median µs", "of it CPU", "share"], rows)


def profile_tables(profile):
    total = sum(profile["modules"].values())
    modules = [[n, f"{us:.0f}", f"{us / total:.0%}"] for n, us in list(profile["modules"].items())[:15]]
    functions = [[f"`{f['function']}`", f"{f['calls']:.0f}", f"{f['us']:.0f}"] for f in profile["functions"]]
    return "\n".join(
        [
            steps_table(profile["steps"]),
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
    "before": ("Against an earlier version", before_tables),
    "growth": ("Growth", rounds_table),
    "upkeep": ("Upkeep", upkeep_tables),
    "postgresql": ("PostgreSQL on the same processors", postgresql_tables),
    "delivery": ("Delivery", rounds_table),
    "footprint": ("Footprint", footprint_tables),
    "profile": ("Where the time goes", profile_tables),
    "judge": ("The judgement alone", lambda lines: "".join(f"    {line}\n" for line in lines)),
}


def document(results):
    machine, options = results["machine"], results["options"]
    sections = [f"## {head}\n\n{show(results[name])}" for name, (head, show) in SECTIONS.items() if name in results]
    return "\n".join(
        [
            "# Results\n",
            f"{machine['at']}, {machine['processors']} processors, Python {machine['python']}; writing a page to the "
            f"disk takes {machine['fdatasync_ms']:.2f} ms. {options['rounds']} rounds of {options['seconds']:g} "
            f"seconds, {options['connections']} connections. {options['leads']:,} leads in the full store.\n",
            asked(results),
            "Rounds in which connections were not spread are in bold below, and left out of both medians.\n",
            *sections,
        ]
    )


# --- The plot ---


def bars(axes, heading, rounds, key):
    """Draw the median of each contestant as a bar, and its rounds as dots."""
    axes.set_title(heading)
    for place, figures in enumerate(rounds.values()):
        values = [each[key] for each in figures if counts(each)] or [each[key] for each in figures]
        axes.barh(place, median(values), color=f"C{place}", alpha=0.5)
        axes.annotate(f"{median(values):.0f}", (max(values), place), (8, 0), textcoords="offset points", va="center")
        axes.plot(values, [place] * len(values), "o", color=f"C{place}", markersize=4)
    axes.set_yticks(range(len(rounds)), [*map(title, rounds)])
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


def write(results, name):
    RESULTS.mkdir(exist_ok=True)
    text = document(results)
    if {"throughput", "growth", "profile"} <= results.keys():
        text += f"\n![the same as a plot]({name}.png)\n"
        plot(results, RESULTS / f"{name}.png")
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
