@{
    # Every rule at its default; a script that must break one says so at the place, with a reason.
    Severity = @('Error', 'Warning')
}
