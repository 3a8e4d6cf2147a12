"""What a working-notes paper needs of its runs: tables, examples, figures, set-up, references and a checklist."""
