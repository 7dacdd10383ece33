"""The story's steps as lines to paste into a shell."""

from project.demo.steps import Step

#: Reads one member of an answer that a variable holds; needs no tool beyond the Python that runs the site.
PREAMBLE = """member() { python3 -c 'import json, sys; print(json.loads(sys.argv[2])[sys.argv[1]])' "$@"; }"""


def line(step: Step, *, base_url: str) -> str:
    """The step as a curl command; an answer that later steps need goes into a variable and is shown."""
    parts = ["curl -s" if step.keeps else "curl -si", f"{step.at or base_url}{step.path}"]
    parts += [f"-d '{name}={value}'" for name, value in step.form.items()]
    if step.refresh_of:
        parts.append(f'-d "refresh_token=$(member refresh_token "${step.refresh_of}")"')
    if step.hands_back:
        parts.append(f'-d "token=$(member refresh_token "${step.hands_back}")"')
    if step.access_of:
        parts.append(f'-H "Authorization: Bearer $(member access_token "${step.access_of}")"')
    command = " ".join(parts)
    command = f'{step.keeps}=$({command}); echo "${step.keeps}"' if step.keeps else f"{command}; echo"
    return f"sleep {step.wait:g}; {command}" if step.wait else command
