"""Has gcloud's own parser judge commands, without running any.

Reads one JSON array of words a line (what follows "gcloud"), writes for each a line: the error, or an empty line.
With --record it reads the same and writes the grammar of the commands that occur as JSON: how many words each takes, as
argparse counts them, and its flags, with = where a value follows, and the choices where there are some.

Run with a Python that gcloud takes; GCLOUD_ROOT is the directory of the SDK.
"""

import contextlib
import io
import json
import os
import sys

lib = os.path.join(os.environ['GCLOUD_ROOT'], 'lib')
sys.path[:0] = [os.path.join(lib, 'third_party'), lib]
for name in [name for name in sys.modules if name == 'google' or name.startswith('google.')]:
  del sys.modules[name]  # a "google" of the system's, in whose place gcloud has its own

# gcloud writes its errors to what stderr is when it is loaded.
said = sys.stderr = io.StringIO()

from googlecloudsdk import gcloud_main  # pylint: disable=wrong-import-position
from googlecloudsdk.calliope import backend  # pylint: disable=wrong-import-position

# What gcloud does with a command whose words it has taken.
backend.Command.Run = lambda self, cli, args: None


def judge(words):
  cli = gcloud_main.CreateCLI([])  # One that has parsed a command keeps something of it.
  said.seek(0)
  said.truncate()
  # A file of flags comes by stdin, in which there is none here.
  words = [word for word in words if word != '--flags-file=-']
  try:
    with contextlib.redirect_stdout(said):
      cli.Execute(words)
  except SystemExit as end:
    if end.code != 0:
      return said.getvalue() or f'exit {end.code}'
  except Exception as error:  # pylint: disable=broad-except
    return str(error)
  return ''


def command_of(words):
  """The words of the command itself, and its argument interceptor."""
  element, path = gcloud_main.CreateCLI([])._TopElement(), []  # pylint: disable=protected-access
  for word in words:
    below = element.LoadSubElement(word) if hasattr(element, 'LoadSubElement') else None
    if below is None:
      break
    element = below
    path.append(word)
  return path, element.ai


def grammar_of(words):
  path, interceptor = command_of(words)
  flags = set()
  for argument in interceptor.flag_args + interceptor.ancestor_flag_args:
    choices = '|'.join(sorted(map(str, argument.choices or [])))
    value = '' if argument.nargs == 0 else '=' + choices
    flags.update(flag + value for flag in argument.option_strings if flag.startswith('--'))
  positionals = ' '.join(str(argument.nargs or 1) for argument in interceptor.positional_args)
  return ' '.join(path), {'positionals': positionals, 'flags': ' '.join(sorted(flags))}


commands = [json.loads(line) for line in sys.stdin]
if sys.argv[1:] == ['--record']:
  used = {}
  for words in commands:
    name, grammar = grammar_of(words)
    used[name] = grammar
  json.dump(used, sys.stdout)
else:
  for words in commands:
    print(' '.join(judge(words).split()))
