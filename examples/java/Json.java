import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** As much JSON as the example needs, so that it builds without fetching a library. */
final class Json {
    private static final int DEEPEST = 64;
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static Object parse(String text) {
        Json json = new Json(text);
        Object value = json.value(0);
        json.space();
        if (json.at != text.length()) {
            throw json.unexpected();
        }
        return value;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
        if (value instanceof Map) {
            return (Map<String, Object>) value;
        }
        throw new IllegalArgumentException("an object is wanted");
    }

    @SuppressWarnings("unchecked")
    static List<Object> list(Map<String, Object> object, String name) {
        if (object.get(name) instanceof List) {
            return (List<Object>) object.get(name);
        }
        throw new IllegalArgumentException(name + " is not a list");
    }

    static String text(Map<String, Object> object, String name) {
        if (object.get(name) instanceof String) {
            return (String) object.get(name);
        }
        throw new IllegalArgumentException(name + " is not a text");
    }

    static long number(Map<String, Object> object, String name) {
        if (object.get(name) instanceof Double) {
            return Math.round((Double) object.get(name));
        }
        throw new IllegalArgumentException(name + " is not a number");
    }

    static String write(Object value) {
        if (value instanceof Map) {
            StringBuilder out = new StringBuilder("{");
            ((Map<?, ?>) value).forEach((name, member) -> out
                    .append(out.length() > 1 ? "," : "")
                    .append(quoted(name.toString())).append(':').append(write(member)));
            return out.append('}').toString();
        }
        if (value instanceof List) {
            StringBuilder out = new StringBuilder("[");
            ((List<?>) value).forEach(item -> out.append(out.length() > 1 ? "," : "").append(write(item)));
            return out.append(']').toString();
        }
        return value instanceof String ? quoted((String) value) : String.valueOf(value);
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') {
                out.append('\\').append(letter);
            } else if (letter < ' ') {
                out.append(String.format("\\u%04x", (int) letter));
            } else {
                out.append(letter);
            }
        }
        return out.append('"').toString();
    }

    private Object value(int depth) {
        space();
        if (at == text.length() || depth > DEEPEST) {
            throw unexpected();
        }
        switch (text.charAt(at)) {
            case '{': {
                Map<String, Object> object = new LinkedHashMap<>();
                for (at++; !ends('}', object.isEmpty()); ) {
                    space();
                    String name = string();
                    space();
                    expect(":");
                    object.put(name, value(depth + 1));
                }
                return object;
            }
            case '[': {
                List<Object> list = new ArrayList<>();
                for (at++; !ends(']', list.isEmpty()); ) {
                    list.add(value(depth + 1));
                }
                return list;
            }
            case '"':
                return string();
            case 't':
                expect("true");
                return true;
            case 'f':
                expect("false");
                return false;
            case 'n':
                expect("null");
                return null;
            default:
                int start = at;
                while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
                    at++;
                }
                // NumberFormatException is an IllegalArgumentException.
                return Double.valueOf(text.substring(start, at));
        }
    }

    /** Whether a list or object ends here; takes the comma that stands before a further member. */
    private boolean ends(char end, boolean isEmpty) {
        space();
        if (at < text.length() && text.charAt(at) == end) {
            at++;
            return true;
        }
        if (!isEmpty) {
            expect(",");
        }
        return false;
    }

    private String string() {
        expect("\"");
        StringBuilder out = new StringBuilder();
        while (at < text.length()) {
            char letter = text.charAt(at++);
            if (letter == '"') {
                return out.toString();
            }
            if (letter != '\\') {
                out.append(letter);
                continue;
            }
            char escape = at < text.length() ? text.charAt(at++) : ' ';
            int known = "bfnrt\"\\/".indexOf(escape);
            if (known >= 0) {
                out.append("\b\f\n\r\t\"\\/".charAt(known));
            } else if (escape == 'u' && at + 4 <= text.length()) {
                out.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                at += 4;
            } else {
                throw unexpected();
            }
        }
        throw unexpected();
    }

    private void expect(String wanted) {
        if (!text.startsWith(wanted, at)) {
            throw unexpected();
        }
        at += wanted.length();
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private IllegalArgumentException unexpected() {
        return new IllegalArgumentException("not JSON at character " + at);
    }
}
